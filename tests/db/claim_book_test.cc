#include "db/claim_book.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <barrier>
#include <numeric>
#include <thread>

#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Lines;
using testing::SampleSweep;
using testing::ScratchFolder;

const ClaimAnswer kMine{ClaimState::kMine, ""};
const ClaimAnswer kDone{ClaimState::kDone, ""};
ClaimAnswer HeldBy(const std::string& run) { return {ClaimState::kHeld, run}; }

CommitBatch BatchWithAction(const std::string& key) {
  CommitBatch batch;
  batch.actions.resize(1);
  batch.actions[0].key = key;
  batch.actions[0].stage = "split";
  return batch;
}

class ClaimBookTest : public ::testing::TestWithParam<JournalMode> {
 protected:
  ScratchFolder folder_;
  const Path path_ = folder_ / "besom.db";
  std::unique_ptr<ResultsStore> store_ =
      *ResultsStore::Open(path_, {.journal = GetParam()});
  const SweepId sweep_ = *store_->PutSweep(SampleSweep());
  std::unique_ptr<ClaimBook> OpenBook() {
    auto book = ClaimBook::Open(path_);
    EXPECT_TRUE(book.ok()) << book.status().ToString();
    return *std::move(book);
  }
};

TEST_P(ClaimBookTest, TakingARunOverFreesItsClaimsAndItGetsNoneAnyMore) {
  const auto a = OpenBook(), b = OpenBook();
  ASSERT_TRUE(store_->PutRun(sweep_, {"a", "node1", 77}).ok());
  EXPECT_THAT(*a->Claim("a", {"k1"}, 5), ElementsAre(kMine));
  ASSERT_TRUE(store_->TakeOverRun("a", "--steal", 6).ok());
  EXPECT_THAT(*b->Holders(), IsEmpty());
  EXPECT_EQ(a->Claim("a", {"k1", "k2"}, 7).status().code(),
            StatusCode::kInterrupted);
  EXPECT_THAT(*b->Claim("b", {"k1", "k2"}, 8), ElementsAre(kMine, kMine));
}

TEST_P(ClaimBookTest, EachKeyGoesToTheFirstWhoAsks) {
  const auto a = OpenBook(), b = OpenBook();
  EXPECT_THAT(*a->Claim("a", {"k1", "k2"}, 5), ElementsAre(kMine, kMine));
  EXPECT_THAT(*b->Claim("b", {"k2", "k3"}, 6), ElementsAre(HeldBy("a"), kMine));
  EXPECT_THAT(*a->Claim("a", {"k1", "k3"}, 7), ElementsAre(kMine, HeldBy("b")));
  EXPECT_THAT(Lines(path_, "SELECT key, run, time FROM claim ORDER BY key"),
              ElementsAre("k1|a|5", "k2|a|5", "k3|b|6"));
  EXPECT_THAT(*a->Holders(), ElementsAre("a", "b"));
}

TEST_P(ClaimBookTest, OnlyTheHolderGivesAClaimBack) {
  const auto a = OpenBook(), b = OpenBook();
  ASSERT_TRUE(a->Claim("a", {"k1", "k2", "k3"}, 0).ok());
  ASSERT_OK(b->Release("b", {"k1"}));
  ASSERT_OK(b->ReleaseAll("b"));
  EXPECT_THAT(*b->Claim("b", {"k1"}, 0), ElementsAre(HeldBy("a")));
  ASSERT_OK(a->Release("a", {"k1", "unknown"}));
  EXPECT_THAT(*b->Claim("b", {"k1", "k2"}, 0), ElementsAre(kMine, HeldBy("a")));
  ASSERT_OK(a->ReleaseAll("a"));
  EXPECT_THAT(*a->Holders(), ElementsAre("b"));
}

TEST_P(ClaimBookTest, CommittingAnActionEndsItsClaim) {
  const auto a = OpenBook(), b = OpenBook();
  ASSERT_TRUE(a->Claim("a", {"k1", "k2"}, 0).ok());
  ASSERT_OK(store_->Commit(sweep_, BatchWithAction("k1")));
  EXPECT_THAT(*b->Claim("b", {"k1", "k2"}, 0), ElementsAre(kDone, HeldBy("a")));
  EXPECT_THAT(*a->Claim("a", {"k1"}, 0), ElementsAre(kDone));
  EXPECT_THAT(Lines(path_, "SELECT key FROM claim"), ElementsAre("k2"));
  ASSERT_OK(store_->ForgetActions({"k1"}));
  EXPECT_THAT(*b->Claim("b", {"k1"}, 0), ElementsAre(kMine));
}

TEST_P(ClaimBookTest, ARefusedCommitKeepsTheClaim) {
  const auto book = OpenBook();
  ASSERT_TRUE(book->Claim("a", {"k1"}, 0).ok());
  CommitBatch batch = BatchWithAction("k1");
  batch.trials = {{"nobody", TrialState::kRunning, ""}};
  EXPECT_FALSE(store_->Commit(sweep_, batch).ok());
  EXPECT_THAT(*book->Claim("b", {"k1"}, 0), ElementsAre(HeldBy("a")));
}

TEST_P(ClaimBookTest, TwoThatRaceGetEachKeyExactlyOnce) {
  constexpr int kKeys = 1000, kAtOnce = 8;
  std::array<std::vector<int>, 2> won;
  std::barrier start(2);
  const auto race = [&](std::size_t me) {
    const auto book = OpenBook();
    const std::string run = fmt::format("run{}", me);
    start.arrive_and_wait();
    for (int i = 0; i < kKeys; i += kAtOnce) {
      std::vector<std::string> keys;
      for (int j = i; j < i + kAtOnce; ++j) keys.push_back(std::to_string(j));
      const auto answers = book->Claim(run, keys, 0);
      ASSERT_TRUE(answers.ok()) << answers.status().ToString();
      for (int j = 0; j < kAtOnce; ++j) {
        const ClaimAnswer& answer = (*answers)[static_cast<std::size_t>(j)];
        if (answer == kMine) {
          won[me].push_back(i + j);
        } else {
          EXPECT_EQ(answer, HeldBy(fmt::format("run{}", 1 - me)));
        }
      }
    }
  };
  std::thread other(race, 1);
  race(0);
  other.join();
  std::vector<int> all = won[0], expected(kKeys);
  all.insert(all.end(), won[1].begin(), won[1].end());
  std::sort(all.begin(), all.end());
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(all, expected);
}

TEST_P(ClaimBookTest, ClaimsOutliveAKilledHolderUntilTheyAreTakenOver) {
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto book = ClaimBook::Open(path_);
    const bool claimed =
        book.ok() && (*book)->Claim("dead", {"k1", "k2"}, 0).ok();
    if (write(told[1], claimed ? "y" : "n", 1) != 1) _exit(1);
    while (true) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(told[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  close(told[0]);
  close(told[1]);

  const auto book = OpenBook();
  EXPECT_THAT(*book->Claim("b", {"k1", "k2"}, 0), Each(HeldBy("dead")));
  EXPECT_EQ(*book->TakeOver("dead"), 2);
  EXPECT_EQ(*book->TakeOver("dead"), 0);
  EXPECT_THAT(*book->Claim("b", {"k1", "k2"}, 0), Each(kMine));
  EXPECT_THAT(Lines(path_, "PRAGMA integrity_check"), ElementsAre("ok"));
}

TEST_P(ClaimBookTest, AsksForNoKeysAndHoldsNothing) {
  const auto book = OpenBook();
  EXPECT_THAT(*book->Claim("a", {}, 0), IsEmpty());
  EXPECT_THAT(*book->Holders(), IsEmpty());
  ASSERT_OK(book->Release("a", {}));
}

TEST(ClaimBookOpenTest, NeedsADatabaseAndMakesNone) {
  const ScratchFolder folder;
  EXPECT_EQ(ClaimBook::Open(folder / "none.db").status().code(),
            StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder / "none.db"));
}

/// Else claims would make a later power cut lose what was committed safely.
TEST(ClaimBookOpenTest, ClosingLeavesTheLogToOthers) {
  const ScratchFolder folder;
  const Path path = folder / "besom.db";
  const auto store = *ResultsStore::Open(path);
  const std::string before = *ReadFile(path);
  const pid_t child = fork();
  if (child == 0) {
    {
      const auto book = *ClaimBook::Open(path);
      for (int i = 0; i < 20000; i += 100) {
        std::vector<std::string> keys;
        for (int j = i; j < i + 100; ++j)
          keys.push_back(fmt::format("{:064}", j * 7919 % 20000));
        if (!book->Claim("a", keys, 0).ok()) _exit(1);
      }
    }
    _exit(0);
  }
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(*ReadFile(path), before);
  EXPECT_THAT(Lines(path, "SELECT count(*) FROM claim"), ElementsAre("20000"));
}

INSTANTIATE_FOR_JOURNAL_MODES(ClaimBookTest);

}  // namespace
}  // namespace besom::db
