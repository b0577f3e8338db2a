#include "pipeline/base/mapped_fault.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <numeric>
#include <thread>
#include <vector>

#include "pipeline/base/files.h"

namespace besom {
namespace {

const std::size_t kPage = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));

class MappedFaultTest : public testing::Test {
 protected:
  const Path folder_ =
      Path(testing::TempDir()) /
      testing::UnitTest::GetInstance()->current_test_info()->name();
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    while (TakeMapFault()) {
    }
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// A mapped file of `pages` pages of ones.
  std::shared_ptr<const MappedFile> Map(const std::string& name,
                                        std::size_t pages) {
    EXPECT_TRUE(
        WriteFileAtomic(folder_ / name, std::string(pages * kPage, '\1')).ok());
    return *MappedFile::Open(folder_ / name);
  }
  void Cut(const std::string& name, std::size_t pages) {
    std::filesystem::resize_file(folder_ / name, pages * kPage);
  }
  static std::size_t Sum(const MappedFile& map) {
    return std::accumulate(map.bytes().begin(), map.bytes().end(),
                           std::size_t{0}, [](std::size_t sum, std::byte b) {
                             return sum + static_cast<std::size_t>(b);
                           });
  }
};

TEST_F(MappedFaultTest, AFileCutUnderItsMapReadsAsZerosAndIsReported) {
  const auto whole = Map("whole", 4), cut = Map("cut", 4);
  Cut("cut", 1);
  EXPECT_FALSE(cut->faulted());
  EXPECT_EQ(Sum(*cut), kPage);
  EXPECT_EQ(Sum(*whole), 4 * kPage);
  EXPECT_TRUE(cut->faulted());
  EXPECT_FALSE(whole->faulted());
  EXPECT_EQ(TakeMapFault(), folder_ / "cut");
  EXPECT_EQ(TakeMapFault(), std::nullopt);
  EXPECT_TRUE(cut->faulted());
}

TEST_F(MappedFaultTest, AFaultIsReportedAlsoWhenTheMapIsGone) {
  {
    const auto cut = Map("cut", 2);
    Cut("cut", 0);
    EXPECT_EQ(Sum(*cut), 0u);
  }
  // The next map takes the same slot, and often the same address.
  const auto next = Map("next", 2);
  EXPECT_FALSE(next->faulted());
  EXPECT_EQ(TakeMapFault(), folder_ / "cut");
  EXPECT_EQ(TakeMapFault(), std::nullopt);
  EXPECT_EQ(Sum(*next), 2 * kPage);
}

TEST_F(MappedFaultTest, ManyThreadsMayMeetTheSameFault) {
  constexpr std::size_t kPages = 64;
  const auto cut = Map("cut", kPages);
  Cut("cut", kPages / 2);
  std::vector<std::thread> readers;
  std::vector<std::size_t> sums(4);
  for (std::size_t& sum : sums) readers.emplace_back([&] { sum = Sum(*cut); });
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(sums, std::vector<std::size_t>(4, kPages / 2 * kPage));
  EXPECT_EQ(TakeMapFault(), folder_ / "cut");
  EXPECT_EQ(TakeMapFault(), std::nullopt);
}

TEST_F(MappedFaultTest, ABusErrorOfSomebodyElseEndsTheProcess) {
  const auto ours = Map("ours", 1);
  EXPECT_TRUE(
      WriteFileAtomic(folder_ / "theirs", std::string(kPage, 'x')).ok());
  EXPECT_DEATH(
      {
        const int fd = ::open((folder_ / "theirs").c_str(), O_RDONLY);
        const auto* bytes = static_cast<const volatile char*>(
            ::mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0));
        std::filesystem::resize_file(folder_ / "theirs", 0);
        std::fprintf(stderr, "read %d\n", bytes[0]);
        ::_exit(0);
      },
      "");
  EXPECT_DEATH(::raise(SIGBUS), "");
}

int g_forwarded = 0;

/// Runs in a process of its own: the guard is installed once in a process.
TEST_F(MappedFaultTest, AnEarlierHandlerStillGetsWhatIsNotOurs) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ::signal(SIGBUS, [](int) { ++g_forwarded; });
        const auto cut = Map("cut", 1);
        Cut("cut", 0);
        const bool quiet = Sum(*cut) == 0 && g_forwarded == 0;
        ::raise(SIGBUS);
        ::_exit(quiet && g_forwarded == 1 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace besom
