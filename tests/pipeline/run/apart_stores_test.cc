// Ranks as threads, each with a store of its own: blobs travel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cluster/thread_communicator.h"
#include "pipeline/run/rank_executor.h"
#include "pipeline/run/rank_worker.h"
#include "tests/fakes/manual_clock.h"

namespace besom::run {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Longer than two pieces, and not the same anywhere.
std::string LongBytes(std::size_t salt) {
  std::string bytes(kPieceBytes * 5 / 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>((i * i + salt) >> 3);
  return bytes;
}

/// Reverses what it reads, and the weights if there are any.
class ReverseStage final : public stages::Stage {
 public:
  std::string_view name() const noexcept override { return "reverse"; }
  int version() const noexcept override { return 1; }
  Result<stages::StageOutput> Run(const stages::StageInput& input) override {
    stages::StageOutput output;
    std::string bytes;
    for (const Artifact& artifact : input.artifacts.at("in"))
      bytes += artifact.text();
    if (input.hints.contains("weights_path"))
      bytes += ReadFile(Path(input.hints.at("weights_path").get<std::string>()))
                   .value();
    std::ranges::reverse(bytes);
    output.blobs["out"] = std::move(bytes);
    return output;
  }
};

/// Fails in the middle, unless another attempt has come so far before.
class TwoPartStage final : public stages::Stage {
 public:
  std::string_view name() const noexcept override { return "two_parts"; }
  int version() const noexcept override { return 1; }
  Result<stages::StageOutput> Run(const stages::StageInput& input) override {
    const std::optional<std::string> first = input.checkpoint->Load();
    if (!first) {
      EXPECT_FALSE(input.progress(0.5));
      input.checkpoint->Save(LongBytes(3));
      return IoError("two_parts", "cut in the middle");
    }
    stages::StageOutput output;
    output.blobs["out"] = *first;
    return output;
  }
};

class ApartStoresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(root_);
    stages_.emplace("reverse", std::make_unique<ReverseStage>());
    stages_.emplace("two_parts", std::make_unique<TwoPartStage>());
    node_.stage = "reverse";
    node_.params = Json::object();
    node_.hints = Json::object();
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  WorkspaceLayout LayoutOf(int rank) const {
    return WorkspaceLayout(root_ / std::to_string(rank));
  }
  TaskOrder OrderFor(int rank, const BlobRef& input) const {
    return {0, 1, &node_, {{"in", input}}, {rank}, 0, {}};
  }

  /// Rank 0 of two, of which the other has a store of its own, gives it a task
  /// and waits for what comes of it.
  std::optional<ExecutorEvent> RunAtOther(const BlobRef& input) {
    std::optional<ExecutorEvent> event;
    cluster::ThreadGroup group(2, faults_);
    group.Run([&](cluster::Communicator& comm) {
      BlobStore store(LayoutOf(comm.rank()));
      TaskRunner runner(store, stages_, clock_, {.host = "host"});
      if (comm.rank() > 0) {
        worker_ended_ = RankWorker(comm, runner).Run();
        return;
      }
      RankExecutor executor(comm, runner, {{.host = 0}, {.host = 1}});
      executor.KeepApart({{}, {WorkspaceSight::Kind::kMisses, "other"}});
      traits_ = executor.traits();
      ASSERT_TRUE(executor.Begin({.run = "r"}).ok());
      ASSERT_TRUE(executor.Start(OrderFor(1, input)).ok());
      while (!event || std::holds_alternative<TaskProgress>(event->what)) {
        const auto next = executor.Wait(10);
        ASSERT_TRUE(next.ok()) << next.status().ToString();
        event = *next;
        if (!event) continue;
        if (const auto* told = std::get_if<TaskProgress>(&event->what))
          shares_.push_back(told->share);
      }
      EXPECT_TRUE(executor.Shutdown().ok());
    });
    return event;
  }
  /// Half-written files in rank 0's store.
  std::vector<std::string> Leftovers() const {
    std::vector<std::string> found;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(LayoutOf(0).root()))
      if (entry.path().extension() == ".tmp")
        found.push_back(entry.path().string());
    return found;
  }

  const Path root_ = Path(::testing::TempDir()) / "apart_stores_test";
  testing::ManualClock clock_;
  stages::StageRegistry stages_;
  TaskNode node_;
  cluster::ThreadFaults faults_;
  std::vector<RankTraits> traits_;
  std::vector<double> shares_;  ///< As told by the other.
  Status worker_ended_;
};

TEST_F(ApartStoresTest, InputsComeAndOutputsGo) {
  const std::string bytes = LongBytes(1);
  const BlobRef input = *BlobStore(LayoutOf(0)).Put(bytes);
  const auto event = RunAtOther(input);
  const auto& report = std::get<TaskReport>(event->what);
  ASSERT_TRUE(report.status.ok()) << report.status.ToString();
  EXPECT_EQ(BlobStore(LayoutOf(1)).Get(input)->text(), bytes);
  const auto output = BlobStore(LayoutOf(0)).Get(report.outputs[0].blob);
  ASSERT_TRUE(output.ok()) << output.status().ToString();
  EXPECT_EQ(output->text(), std::string(bytes.rbegin(), bytes.rend()));
  EXPECT_TRUE(worker_ended_.ok());
}

TEST_F(ApartStoresTest, FilesAreReadAtRankZeroAlone) {
  RunAtOther(*BlobStore(LayoutOf(0)).Put("a"));
  EXPECT_TRUE(traits_[0].reads_files);
  EXPECT_FALSE(traits_[1].reads_files);
}

TEST_F(ApartStoresTest, AnEmptyBlobTravelsToo) {
  const auto event = RunAtOther(*BlobStore(LayoutOf(0)).Put(""));
  const auto& report = std::get<TaskReport>(event->what);
  ASSERT_TRUE(report.status.ok()) << report.status.ToString();
  EXPECT_TRUE(BlobStore(LayoutOf(0)).Has(report.outputs[0].blob));
}

TEST_F(ApartStoresTest, WeightsTravelByTheirDigest) {
  const std::string weights = LongBytes(2);
  const Path file = root_ / "weights";
  ASSERT_TRUE(WriteFileAtomic(file, std::string_view(weights)).ok());
  node_.hints = {{"weights_path", file.string()},
                 {"weights_digest", DigestOf(weights).Hex()}};
  const auto event = RunAtOther(*BlobStore(LayoutOf(0)).Put("a"));
  const auto& report = std::get<TaskReport>(event->what);
  ASSERT_TRUE(report.status.ok()) << report.status.ToString();
  EXPECT_EQ(report.outputs[0].blob.size, weights.size() + 1);
  EXPECT_TRUE(BlobStore(LayoutOf(1)).Has({DigestOf(weights), weights.size()}));
}

TEST_F(ApartStoresTest, ACheckpointOutlivesItsHost) {
  node_.stage = "two_parts";
  const BlobRef input = *BlobStore(LayoutOf(0)).Put("a");
  auto event = RunAtOther(input);
  EXPECT_EQ(std::get<TaskReport>(event->what).status.code(), StatusCode::kIo);
  std::filesystem::remove_all(LayoutOf(1).root());
  event = RunAtOther(input);
  const auto& report = std::get<TaskReport>(event->what);
  ASSERT_TRUE(report.status.ok()) << report.status.ToString();
  EXPECT_EQ(report.outputs[0].blob.digest, DigestOf(LongBytes(3)));
}

/// Else its rank would count as silent on a slow network.
TEST_F(ApartStoresTest, EachPieceOfACheckpointIsASignOfLife) {
  node_.stage = "two_parts";
  const BlobRef input = *BlobStore(LayoutOf(0)).Put("a");
  RunAtOther(input);
  // The input; the work; with the last of three pieces it is there.
  EXPECT_THAT(shares_, ElementsAre(0, 0.5, 0.5, 0.5));
  shares_.clear();
  RunAtOther(input);
  // Three pieces come, and the output goes.
  EXPECT_THAT(shares_, ElementsAre(0, 0, 0, 1, 1));
}

TEST_F(ApartStoresTest, WeightsThatHaveChangedAreRefused) {
  const Path file = root_ / "weights";
  ASSERT_TRUE(WriteFileAtomic(file, std::string_view("other")).ok());
  node_.hints = {{"weights_path", file.string()},
                 {"weights_digest", DigestOf(std::string_view("w")).Hex()}};
  const auto event = RunAtOther(*BlobStore(LayoutOf(0)).Put("a"));
  const auto& report = std::get<TaskReport>(event->what);
  EXPECT_EQ(report.status.code(), StatusCode::kCorrupt);
  EXPECT_FALSE(report.broken_input.has_value());
}

TEST_F(ApartStoresTest, WhatRankZeroLacksIsToldToBeMissing) {
  const BlobRef gone{DigestOf(std::string_view("gone")), 4};
  const auto event = RunAtOther(gone);
  const auto& report = std::get<TaskReport>(event->what);
  EXPECT_EQ(report.status.code(), StatusCode::kNotFound);
  EXPECT_EQ(report.broken_input, gone);
}

TEST_F(ApartStoresTest, WhatIsDamagedAtRankZeroIsToldToBe) {
  BlobStore store(LayoutOf(0));
  const BlobRef input = *store.Put("good bytes");
  ASSERT_TRUE(WriteFileAtomic(LayoutOf(0).blob(input.digest),
                              std::string_view("evil bytes"))
                  .ok());
  const auto event = RunAtOther(input);
  const auto& report = std::get<TaskReport>(event->what);
  EXPECT_EQ(report.status.code(), StatusCode::kCorrupt);
  EXPECT_EQ(report.broken_input, input);
  EXPECT_FALSE(BlobStore(LayoutOf(1)).Has(input));
}

/// Its messages: hello, three pieces asked (each with a word of progress), and
/// three given.
class LostRank : public ApartStoresTest,
                 public ::testing::WithParamInterface<int> {};

TEST_P(LostRank, LeavesNothingHalfWritten) {
  faults_.die_at_send = {{1, GetParam()}};
  const auto event = RunAtOther(*BlobStore(LayoutOf(0)).Put(LongBytes(1)));
  EXPECT_TRUE(std::holds_alternative<RankLost>(event->what));
  EXPECT_EQ(worker_ended_.code(), StatusCode::kInterrupted);
  EXPECT_THAT(Leftovers(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(AtEachMessage, LostRank, ::testing::Range(1, 11));

TEST_F(ApartStoresTest, ARankThatLosesRankZeroDoesNotWaitForIt) {
  cluster::ThreadGroup group(2);
  group.Run([&](cluster::Communicator& comm) {
    BlobStore store(LayoutOf(comm.rank()));
    TaskRunner runner(store, stages_, clock_, {.host = "host"});
    if (comm.rank() > 0) {
      worker_ended_ = RankWorker(comm, runner).Run();
      return;
    }
    // It asks, and nobody answers.
    const BlobRef input{DigestOf(std::string_view("a")), 1};
    RunBegins begins{.run = "r"};
    begins.own_store = true;
    ASSERT_TRUE(comm.Send(1, Encode(begins)).ok());
    ASSERT_TRUE(comm.Send(1, Encode(RequestOf(OrderFor(1, input)))).ok());
    bool asked = false;
    while (!asked) {
      const auto received = comm.Receive(10);
      ASSERT_TRUE(received.ok());
      asked = *received &&
              std::holds_alternative<PieceAsked>(*Decode((*received)->bytes));
    }
    group.Kill(0);
  });
  EXPECT_EQ(worker_ended_.code(), StatusCode::kInterrupted);
}

/// Rank 0's end of a courier's messages.
class BlobCourierTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(layout_.root()); }
  void TearDown() override { SetUp(); }

  const WorkspaceLayout layout_{Path(::testing::TempDir()) /
                                "blob_courier_test"};
  BlobStore store_{layout_};
};

TEST_F(BlobCourierTest, WhatIsDamagedOnItsWayIsFetchedAgain) {
  const BlobRef blob{DigestOf(std::string_view("good")), 4};
  std::vector<std::string> answers = {"good", "evil"};  // From the back.
  BlobCourier* to = nullptr;
  BlobCourier courier(store_, [] {});
  to = &courier;
  std::thread rank_zero([&] {
    while (!answers.empty()) {
      const std::optional<Message> message = to->Take();
      if (!message) {
        std::this_thread::yield();
        continue;
      }
      const auto& asked = std::get<PieceAsked>(*message);
      to->HandIn(PieceSent{asked.number, Status::Ok(), 4, answers.back()});
      answers.pop_back();
    }
  });
  const Status fetched = courier.Fetch(blob, [] { return false; });
  rank_zero.join();
  EXPECT_TRUE(fetched.ok()) << fetched.ToString();
  EXPECT_EQ(store_.Get(blob)->text(), "good");
}

TEST_F(BlobCourierTest, AClosedOneAnswersAtOnce) {
  BlobCourier courier(store_, [] {});
  courier.Close();
  const BlobRef blob{DigestOf(std::string_view("good")), 4};
  EXPECT_EQ(courier.Fetch(blob, [] { return false; }).code(),
            StatusCode::kInterrupted);
  EXPECT_EQ(courier.Deliver(blob, "good", [] { return false; }).code(),
            StatusCode::kInterrupted);
}

}  // namespace
}  // namespace besom::run
