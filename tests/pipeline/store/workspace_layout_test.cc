#include "pipeline/store/workspace_layout.h"

#include <gtest/gtest.h>

namespace besom {
namespace {

TEST(WorkspaceLayoutTest, BlobsLieInSmallFolders) {
  const Digest digest = DigestOf(std::string_view("abc"));
  EXPECT_EQ(WorkspaceLayout("/w").blob(digest),
            Path("/w/store/blobs.v1/ba") / digest.Hex());
}

TEST(WorkspaceLayoutTest, AnySweepNameIsOneFileAndDifferentNamesDiffer) {
  const WorkspaceLayout layout("/w");
  EXPECT_EQ(layout.sweep_lock("covid-xray"),
            Path("/w/store/locks/covid-xray.lock"));
  const Path hostile = layout.sweep_lock("../../etc/passwd");
  EXPECT_EQ(hostile.parent_path(), layout.locks());
  EXPECT_NE(layout.sweep_lock("a/b"), layout.sweep_lock("a_b"));
  EXPECT_NE(layout.sweep_lock("a/b"), layout.sweep_lock("a:b"));
  EXPECT_NE(layout.sweep_lock(""), layout.sweep_lock("_"));
}

}  // namespace
}  // namespace besom
