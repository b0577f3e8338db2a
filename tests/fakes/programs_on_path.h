#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace besom::testing {

/// Stand-ins for programs, first on this process's PATH while it lives. Real
/// processes run them. For one test at a time.
class ProgramsOnPath {
 public:
  ProgramsOnPath() {
    std::filesystem::create_directories(folder_);
    ::setenv("PATH", (folder_.string() + ":" + path_).c_str(), 1);
  }
  ~ProgramsOnPath() {
    ::setenv("PATH", path_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }
  ProgramsOnPath(const ProgramsOnPath&) = delete;
  ProgramsOnPath& operator=(const ProgramsOnPath&) = delete;

  /// `script`: lines for sh.
  void Put(const std::string& name, const std::string& script) const {
    std::ofstream(folder_ / name) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(folder_ / name,
                                 std::filesystem::perms::owner_all);
  }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  const std::string path_ = std::getenv("PATH");
  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

}  // namespace besom::testing
