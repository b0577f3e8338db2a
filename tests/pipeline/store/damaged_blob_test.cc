#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>

#include "pipeline/store/blob_store.h"

namespace besom {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const std::string kBytes(10000, 'b');

/// What a child ends with where this machine lets nobody mount.
constexpr int kMayNotMount = 77;

class DamagedBlobTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(root_); }
  void TearDown() override { std::filesystem::remove_all(root_); }
  /// A store that has checked nothing yet, as in a new process.
  BlobStore Reopen(const DiskCalls& disk = DiskCalls::System()) const {
    return BlobStore(WorkspaceLayout(root_), disk);
  }
  /// Every file below the workspace that is neither a whole blob nor aside.
  std::vector<std::string> Litter() const {
    std::vector<std::string> names;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(root_)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_regular_file() && name != ref_.digest.Hex() &&
          !name.ends_with(".corrupt"))
        names.push_back(name);
    }
    return names;
  }
  /// The store finds `damage` done to a blob, says so, and heals.
  void FindAndHeal(const std::function<void()>& damage, StatusCode code,
                   const std::string& cause) {
    ASSERT_TRUE(Reopen().Put(kBytes).ok());
    damage();
    {
      BlobStore store = Reopen();
      const Status found = store.Get(ref_).status();
      EXPECT_EQ(found.code(), code) << found.ToString();
      EXPECT_THAT(found.cause(), HasSubstr(cause));
      EXPECT_THAT(found.place(), HasSubstr(ref_.digest.Hex()));
      EXPECT_THAT(found.cure(), HasSubstr("run the same command again"));
      EXPECT_EQ(store.Get(ref_).status().code(), StatusCode::kNotFound);
      EXPECT_FALSE(store.Has(ref_));
      EXPECT_TRUE(store.Put(kBytes).ok());
      EXPECT_EQ(store.Get(ref_)->text(), kBytes);
    }
    damage();  // This time nobody reads it before it is made again.
    const auto again = Reopen().Put(kBytes);
    EXPECT_TRUE(again.ok()) << again.status().ToString();
    EXPECT_EQ(Reopen().Get(ref_)->text(), kBytes);
    EXPECT_THAT(Litter(), IsEmpty());
  }

  const Path root_ =
      Path(testing::TempDir()) /
      testing::UnitTest::GetInstance()->current_test_info()->name();
  const BlobRef ref_{DigestOf(kBytes), kBytes.size()};
  const Path path_ = WorkspaceLayout(root_).blob(ref_.digest);
};

/// The exit code of `body` in a child process.
int InChild(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(DamagedBlobTest, Flipped) {
  FindAndHeal(
      [&] {
        std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary)
            .seekp(5000)
            .put('c');
      },
      StatusCode::kCorrupt, "not what was written");
}

TEST_F(DamagedBlobTest, Truncated) {
  FindAndHeal([&] { std::filesystem::resize_file(path_, 9999); },
              StatusCode::kCorrupt, "9999 bytes instead of 10000");
}

TEST_F(DamagedBlobTest, Empty) {
  FindAndHeal([&] { std::filesystem::resize_file(path_, 0); },
              StatusCode::kCorrupt, "0 bytes instead of 10000");
}

TEST_F(DamagedBlobTest, Missing) {
  FindAndHeal([&] { std::filesystem::remove(path_); }, StatusCode::kNotFound,
              "gone");
}

TEST_F(DamagedBlobTest, AFolderInItsPlace) {
  FindAndHeal(
      [&] {
        std::filesystem::remove(path_);
        std::filesystem::create_directories(path_ / "deep");
      },
      StatusCode::kCorrupt, "no file");
}

TEST_F(DamagedBlobTest, ALinkToNowhere) {
  FindAndHeal(
      [&] {
        std::filesystem::remove(path_);
        std::filesystem::create_symlink("nowhere", path_);
      },
      StatusCode::kCorrupt, "link to nowhere");
}

/// Root may read everything, so the reader is somebody else.
TEST_F(DamagedBlobTest, Unreadable) {
  const int code = InChild([&] {
    ::umask(0);
    if (::geteuid() == 0 &&
        (!MakeFolders(root_).ok() || ::chmod(root_.c_str(), 0777) != 0 ||
         ::setgid(65534) != 0 || ::setuid(65534) != 0))
      return 2;
    FindAndHeal([&] { ::chmod(path_.c_str(), 0); }, StatusCode::kCorrupt,
                "Permission denied");
    return HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(code, 0);
}

TEST_F(DamagedBlobTest, FlippedAfterThisProcessHadCheckedIt) {
  BlobStore store = Reopen();
  ASSERT_TRUE(store.Put(kBytes).ok());
  ASSERT_TRUE(store.Get(ref_).ok());
  std::string flipped = kBytes;
  flipped[7] = 'c';
  std::ofstream(path_, std::ios::binary) << flipped;
  EXPECT_EQ(store.Get(ref_).status().code(), StatusCode::kCorrupt);
}

TEST_F(DamagedBlobTest, CutWhileInUseIsAFailureOfTheAttemptAndHeals) {
  BlobStore store = Reopen();
  ASSERT_TRUE(store.Put(kBytes).ok());
  const ArtifactMap inputs = {{"pixels", {*store.Get(ref_)}}};
  EXPECT_TRUE(store.CheckUnhurt(inputs).ok());
  std::filesystem::resize_file(path_, 0);
  EXPECT_NE(DigestOf(inputs.at("pixels")[0].bytes()), ref_.digest);
  const Status hurt = store.CheckUnhurt(inputs);
  EXPECT_EQ(hurt.code(), StatusCode::kIo);
  EXPECT_THAT(hurt.place(), HasSubstr(ref_.digest.Hex()));
  EXPECT_EQ(store.Get(ref_).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(store.Put(kBytes).ok());
  // The old map stays hurt, but its file is no longer in the way.
  EXPECT_EQ(store.CheckUnhurt(inputs).code(), StatusCode::kIo);
  EXPECT_EQ(store.Get(ref_)->text(), kBytes);
}

TEST_F(DamagedBlobTest, AFileLimitIsReportedAndLeavesNothing) {
  const int code = InChild([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{5000, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const Status status = Reopen().Put(kBytes).status();
    EXPECT_EQ(status.code(), StatusCode::kIo);
    EXPECT_THAT(status.ToString(), HasSubstr("ulimit -f"));
    EXPECT_THAT(Litter(), IsEmpty());
    return HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(code, 0);
  EXPECT_FALSE(Reopen().Has(ref_));
}

/// A file system of 64 KiB, seen by the child only and gone with it.
TEST_F(DamagedBlobTest, AFullDiskIsReportedAndOnceFreedTheBlobFits) {
  const int code = InChild([&] {
    const int spaces =
        ::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
    std::filesystem::create_directories(root_);
    if (::unshare(spaces) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", root_.c_str(), "tmpfs", 0, "size=64k") != 0)
      return kMayNotMount;
    std::ofstream(root_ / "filler") << std::string(60000, 'f');
    const Status status = Reopen().Put(kBytes).status();
    EXPECT_EQ(status.code(), StatusCode::kIo) << status.ToString();
    EXPECT_THAT(status.cure(), HasSubstr("free some disk space"));
    EXPECT_FALSE(Reopen().Has(ref_));
    std::filesystem::remove(root_ / "filler");
    EXPECT_THAT(Litter(), IsEmpty());
    EXPECT_TRUE(Reopen().Put(kBytes).ok());
    EXPECT_EQ(Reopen().Get(ref_)->text(), kBytes);
    return HasFailure() ? 1 : 0;
  });
  if (code == kMayNotMount) GTEST_SKIP() << "this machine lets nobody mount";
  EXPECT_EQ(code, 0);
}

int RefuseToSync(int) {
  errno = ENOSPC;  // Network disks allot space only then.
  return -1;
}

TEST_F(DamagedBlobTest, AFailingSyncPublishesNothing) {
  const Status status = Reopen({RefuseToSync, ::rename}).Put(kBytes).status();
  EXPECT_EQ(status.code(), StatusCode::kIo);
  EXPECT_THAT(status.ToString(), HasSubstr("sync"));
  EXPECT_FALSE(Reopen().Has(ref_));
  EXPECT_THAT(Litter(), IsEmpty());
}

TEST_F(DamagedBlobTest, AFailingRenamePublishesNothing) {
  const auto refuse = [](const char*, const char*) {
    errno = EIO;
    return -1;
  };
  const Status status = Reopen({::fsync, refuse}).Put(kBytes).status();
  EXPECT_EQ(status.code(), StatusCode::kIo);
  EXPECT_THAT(status.ToString(), HasSubstr("rename"));
  EXPECT_FALSE(Reopen().Has(ref_));
  EXPECT_THAT(Litter(), IsEmpty());
}

int g_syncs = 0;
int CountSync(int fd) {
  ++g_syncs;
  return ::fsync(fd);
}

TEST_F(DamagedBlobTest, ANewBlobCostsTwoSyncsAKnownOneNone) {
  ASSERT_TRUE(MakeFolders(path_.parent_path()).ok());
  BlobStore store = Reopen({CountSync, ::rename});
  g_syncs = 0;
  ASSERT_TRUE(store.Put(kBytes).ok());
  EXPECT_EQ(g_syncs, 2);
  ASSERT_TRUE(store.Put(kBytes).ok());
  EXPECT_EQ(g_syncs, 2);
  // Its writer may have died before the folder was synced.
  ASSERT_TRUE(Reopen({CountSync, ::rename}).Put(kBytes).ok());
  EXPECT_EQ(g_syncs, 3);
}

TEST_F(DamagedBlobTest, HalfWrittenFilesOfDeadProcessesAreSweptAway) {
  const int code = InChild([&] {
    const auto die = [](int) -> int { ::_exit(42); };
    (void)Reopen({die, ::rename}).Put(kBytes);
    return 0;
  });
  ASSERT_EQ(code, 42);
  ASSERT_EQ(Litter().size(), 1u);
  EXPECT_FALSE(Reopen().Has(ref_));
  // Whose host is another's, and what is no temporary file, stays.
  const Path folder = path_.parent_path();
  const std::string dead = Litter()[0];
  std::ofstream(folder / ".x.elsewhere.999999999.0.tmp") << "x";
  std::ofstream(folder / ("not" + dead)) << "x";
  const Path checkpoints = Reopen().layout().checkpoints();
  ASSERT_TRUE(MakeFolders(checkpoints).ok());
  std::ofstream(checkpoints / dead) << "x";
  EXPECT_EQ(*Reopen().RemoveDeadTemporaries(), 2);
  EXPECT_TRUE(std::filesystem::is_empty(checkpoints));
  EXPECT_THAT(Litter(), testing::UnorderedElementsAre(
                            ".x.elsewhere.999999999.0.tmp", "not" + dead));
}

/// Whether it lives is seen also where we may not send it a signal.
TEST_F(DamagedBlobTest, TheFilesOfAnotherUsersLivingProcessStay) {
  const int code = InChild([&] {
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    if (!MakeFolders(path_.parent_path()).ok()) return 2;
    std::ofstream(path_.parent_path() /
                  (".x." + std::string(host) + ".1.0.tmp"))
        << "x";
    ::chmod(path_.parent_path().c_str(), 0777);
    if (::geteuid() == 0 && ::setuid(65534) != 0) return 3;
    const auto swept = Reopen().RemoveDeadTemporaries();
    return swept.ok() && *swept == 0 ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
}

TEST_F(DamagedBlobTest, TheFilesOfTheLivingAreNotSweptAway) {
  static BlobStore* sweeper = nullptr;
  static int swept = -1;
  BlobStore other = Reopen();
  sweeper = &other;
  const auto sweep_first = [](int fd) {
    swept = *sweeper->RemoveDeadTemporaries();
    return ::fsync(fd);
  };
  EXPECT_TRUE(Reopen({sweep_first, ::rename}).Put(kBytes).ok());
  EXPECT_EQ(swept, 0);
  EXPECT_TRUE(Reopen().Get(ref_).ok());
}

TEST_F(DamagedBlobTest, AnEmptyWorkspaceHasNothingToSweep) {
  EXPECT_EQ(*Reopen().RemoveDeadTemporaries(), 0);
}

}  // namespace
}  // namespace besom
