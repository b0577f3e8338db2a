#include "pipeline/store/blob_search.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/fakes/manual_clock.h"

namespace besom {
namespace {

using Answer = BlobSearch::Answer;

class BlobSearchTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(root_); }
  void TearDown() override { std::filesystem::remove_all(root_); }

  /// A store whose patience is `seconds` of a clock that only sleeping moves.
  BlobStore Store(double seconds) {
    return BlobStore(WorkspaceLayout(root_), DiskCalls::System(),
                     Patience{seconds, &clock_, [this](double pause) {
                                clock_.now += pause;
                                pauses_.push_back(pause);
                                if (clock_.now >= appear_at_) Appear();
                              }});
  }
  BlobRef Blob(const std::string& bytes) {
    return {DigestOf(std::string_view(bytes)), bytes.size()};
  }
  /// Another machine stores what was announced.
  void Appear() {
    BlobStore other{WorkspaceLayout(root_)};
    for (const std::string& bytes : announced_)
      ASSERT_TRUE(other.Put(bytes).ok());
    announced_.clear();
  }
  static bool Never() { return false; }
  double Waited() const { return clock_.now - 100; }

  const Path root_ =
      Path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
  testing::ManualClock clock_;
  std::vector<double> pauses_;
  std::vector<std::string> announced_;
  double appear_at_ = 1e9;
};

TEST_F(BlobSearchTest, WhatIsThereCostsNoTime) {
  BlobStore store = Store(60);
  const BlobRef ref = *store.Put("hello");
  EXPECT_TRUE(*BlobSearch(store).Await({ref}, Never));
  EXPECT_TRUE(pauses_.empty());
}

TEST_F(BlobSearchTest, ABlobThatAppearsInTimeIsFound) {
  const BlobStore store = Store(60);
  announced_ = {"late"};
  appear_at_ = 100 + 31;
  EXPECT_TRUE(*BlobSearch(store).Await({Blob("late")}, Never));
  EXPECT_TRUE(store.Has(Blob("late")));
  EXPECT_LT(Waited(), 32);
}

TEST_F(BlobSearchTest, OneThatDoesNotIsGoneWhenThePatienceIsOver) {
  const BlobStore store = Store(60);
  EXPECT_FALSE(*BlobSearch(store).Await({Blob("never")}, Never));
  EXPECT_NEAR(Waited(), 60, 1e-9);
}

TEST_F(BlobSearchTest, ManyMissingBlobsCostTheTimeOfOne) {
  const BlobStore store = Store(60);
  std::vector<BlobRef> many;
  for (int i = 0; i < 50; ++i) many.push_back(Blob(std::to_string(i)));
  BlobSearch search(store);
  EXPECT_FALSE(*search.Await(many, Never));
  EXPECT_NEAR(Waited(), 60, 1e-9);
  // What the same search is asked for next has no more time either.
  EXPECT_FALSE(*search.Await({Blob("another")}, Never));
  EXPECT_NEAR(Waited(), 60, 1e-9);
}

TEST_F(BlobSearchTest, AfterSomethingWasFoundTheNextMissHasItsOwnTime) {
  const BlobStore store = Store(60);
  BlobSearch search(store);
  announced_ = {"late"};
  appear_at_ = 100 + 50;
  EXPECT_TRUE(*search.Await({Blob("late")}, Never));
  const double before = Waited();
  EXPECT_FALSE(*search.Await({Blob("never")}, Never));
  EXPECT_NEAR(Waited() - before, 60, 1e-9);
}

TEST_F(BlobSearchTest, PausesGrowAndStayShort) {
  const BlobStore store = Store(60);
  EXPECT_FALSE(*BlobSearch(store).Await({Blob("never")}, Never));
  ASSERT_GT(pauses_.size(), 6u);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_GT(pauses_[i], pauses_[i - 1]);
  for (const double pause : pauses_)
    EXPECT_LE(pause, BlobSearch::kLongestPause + 1e-9);
  EXPECT_LT(pauses_.size(), 200u);
}

TEST_F(BlobSearchTest, ItStopsWhenAsked) {
  const BlobStore store = Store(60);
  int asked = 0;
  const auto stopped =
      BlobSearch(store).Await({Blob("never")}, [&] { return ++asked == 3; });
  EXPECT_EQ(stopped.status().code(), StatusCode::kInterrupted);
  EXPECT_EQ(pauses_.size(), 2u);
}

TEST_F(BlobSearchTest, AFileOfAWrongSizeIsNotWaitedFor) {
  BlobStore store = Store(60);
  const BlobRef ref = *store.Put("hello");
  std::filesystem::resize_file(WorkspaceLayout(root_).blob(ref.digest), 3);
  EXPECT_TRUE(*BlobSearch(store).Await({ref}, Never));
  EXPECT_FALSE(store.Has(ref));
  EXPECT_TRUE(pauses_.empty());
}

TEST_F(BlobSearchTest, WithoutPatienceNobodyWaits) {
  const BlobStore store = Store(0);
  EXPECT_FALSE(*BlobSearch(store).Await({Blob("never")}, Never));
  EXPECT_TRUE(pauses_.empty());
  EXPECT_EQ(BlobSearch(store).Look({Blob("never")}), Answer::kGone);
}

TEST_F(BlobSearchTest, TheStoresPatienceCanBeCut) {
  const BlobStore store = Store(60);
  EXPECT_FALSE(*BlobSearch(store, 5).Await({Blob("never")}, Never));
  EXPECT_NEAR(Waited(), 5, 1e-9);
}

TEST_F(BlobSearchTest, LookingNeverWaits) {
  const BlobStore store = Store(60);
  BlobSearch search(store);
  EXPECT_EQ(search.Look({Blob("late")}), Answer::kLookAgain);
  announced_ = {"late"};
  Appear();
  // It is too early for another look.
  EXPECT_EQ(search.Look({Blob("late")}), Answer::kLookAgain);
  clock_.now += 1;
  EXPECT_EQ(search.Look({Blob("late")}), Answer::kNoneMissing);
  EXPECT_EQ(search.Look({Blob("never")}), Answer::kLookAgain);
  clock_.now += 61;
  EXPECT_EQ(search.Look({Blob("never")}), Answer::kGone);
  EXPECT_TRUE(pauses_.empty());
}

TEST(PatienceTest, LocalDisksNeedNone) {
  EXPECT_EQ(Patience::For("/dev/shm/no/such/workspace").seconds, 0);
}

}  // namespace
}  // namespace besom
