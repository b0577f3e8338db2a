#include "pipeline/base/file_system.h"

#include <gtest/gtest.h>
#include <linux/magic.h>

#include <cerrno>

namespace besom {
namespace {

/// Compared with the kernel's own list where it has the name.
TEST(FileSystemTest, NetworkFileSystemsAreTold) {
  EXPECT_TRUE(IsNetworkFileSystem(NFS_SUPER_MAGIC));
  EXPECT_TRUE(IsNetworkFileSystem(SMB_SUPER_MAGIC));
  EXPECT_TRUE(IsNetworkFileSystem(CODA_SUPER_MAGIC));
  EXPECT_TRUE(IsNetworkFileSystem(AFS_SUPER_MAGIC));
  EXPECT_TRUE(IsNetworkFileSystem(AFS_FS_MAGIC));
  EXPECT_TRUE(IsNetworkFileSystem(V9FS_MAGIC));
  EXPECT_TRUE(IsNetworkFileSystem(OCFS2_SUPER_MAGIC));
  EXPECT_TRUE(IsNetworkFileSystem(0x0BD00BD0));  // Lustre.
}

TEST(FileSystemTest, LocalFileSystemsAreNot) {
  EXPECT_FALSE(IsNetworkFileSystem(EXT4_SUPER_MAGIC));
  EXPECT_FALSE(IsNetworkFileSystem(XFS_SUPER_MAGIC));
  EXPECT_FALSE(IsNetworkFileSystem(BTRFS_SUPER_MAGIC));
  EXPECT_FALSE(IsNetworkFileSystem(TMPFS_MAGIC));
  EXPECT_FALSE(IsNetworkFileSystem(OVERLAYFS_SUPER_MAGIC));
}

TEST(FileSystemTest, TheNearestFolderAboveAnswersForWhatIsNotThere) {
  EXPECT_FALSE(IsOnNetworkFileSystem("/dev/shm"));
  EXPECT_FALSE(IsOnNetworkFileSystem("/dev/shm/no/such/folder"));
  EXPECT_EQ(IsOnNetworkFileSystem("no/such/folder"),
            IsOnNetworkFileSystem("."));
}

TEST(FileSystemTest, AStaleHandleIsAFileThatIsGone) {
  errno = ESTALE;
  EXPECT_EQ(ErrnoError("blob", "open").code(), StatusCode::kNotFound);
  errno = EIO;
  EXPECT_EQ(ErrnoError("blob", "open").code(), StatusCode::kIo);
}

}  // namespace
}  // namespace besom
