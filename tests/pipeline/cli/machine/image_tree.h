#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace besom::testing {

/// A folder of its own for one test, removed at its end.
class ImageTree : public ::testing::Test {
 protected:
  ImageTree() {
    std::string name =
        (std::filesystem::temp_directory_path() / "besom-test-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~ImageTree() override { std::filesystem::remove_all(root_); }

  /// Writes a file and the folders above it.
  void Put(const std::string& path, const std::string& text = "x") {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  std::filesystem::path root_;
};

}  // namespace besom::testing
