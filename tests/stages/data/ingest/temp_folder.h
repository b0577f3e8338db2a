#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "pipeline/base/files.h"
#include "pipeline/store/artifact.h"

namespace besom::testing {

/// A folder that lives as long as the object.
class TempFolder {
 public:
  TempFolder() {
    std::string name = ::testing::TempDir() + "besom-ingest-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const Path& path() const { return path_; }
  /// Writes a file, making its folders. No fsync: tests write thousands.
  Path Write(std::string_view name, std::string_view text) const {
    const Path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }
  /// `bytes` as an artifact of the store.
  Artifact MakeArtifact(std::string_view bytes) const {
    const Path file = Write("artifact.bin", bytes);
    return {BlobRef{DigestOf(bytes), bytes.size()},
            MappedFile::Open(file).value()};
  }

 private:
  Path path_;
};

}  // namespace besom::testing
