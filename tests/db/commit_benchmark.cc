// Prints what claims, commits and look-ups cost per task. Not a test: figures
// depend on the disk. Usage: db_commit_benchmark FOLDER
#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <vector>

#include "db/claim_book.h"
#include "db/results_store.h"
#include "pipeline/base/digest.h"
#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

constexpr int kTasks = 10000;

/// Wall time and processor time of this process, seconds.
struct Times {
  double wall = 0, cpu = 0;
  static Times Now() {
    return {std::chrono::duration<double>(
                std::chrono::steady_clock::now().time_since_epoch())
                .count(),
            static_cast<double>(std::clock()) / CLOCKS_PER_SEC};
  }
  Times operator-(const Times& other) const {
    return {wall - other.wall, cpu - other.cpu};
  }
  void operator+=(const Times& other) {
    wall += other.wall;
    cpu += other.cpu;
  }
};

std::string KeyOf(int i) { return DigestOf(fmt::format("key {}", i)).Hex(); }

ActionRow ActionOf(int i) {
  ActionRow action;
  action.key = KeyOf(i);
  action.stage = "evaluate";
  action.version = 1;
  action.params = std::string(1000, 'p');
  action.label = fmt::format("evaluate {}", i);
  action.seconds = 0.1;
  action.counters = {{"images", 100}};
  action.host = "host";
  action.finished = 1000;
  action.blobs = {{"evaluation", DigestOf(action.key).Hex(), 4096}};
  return action;
}

CommitBatch BatchOf(int first, int count) {
  CommitBatch batch;
  for (int i = first; i < first + count; ++i) {
    batch.actions.push_back(ActionOf(i));
    AttemptRow attempt;
    attempt.key = KeyOf(i);
    attempt.stage = "evaluate";
    attempt.trial = testing::SampleTrialId(i);
    attempt.host = "host";
    attempt.outcome = "done";
    batch.attempts.push_back(attempt);
    batch.trials.push_back(
        {testing::SampleTrialId(i), TrialState::kRunning, ""});
  }
  return batch;
}

void Print(const char* what, int group, const Times& times) {
  const double each = 1e6 / kTasks;
  fmt::print(
      "{:<7} {:>5} a transaction: {:8.2f} us ({:7.2f} us cpu) per task, "
      "{:9.1f} us per transaction\n",
      what, group, each * times.wall, each * times.cpu,
      each * times.wall * group);
}

void Measure(const Path& path, int group) {
  std::filesystem::remove_all(path);
  const auto store = *ResultsStore::Open(path / "besom.db");
  const SweepId sweep = *store->PutSweep(testing::SampleSweep());
  std::vector<TrialRow> trials;
  for (int i = 0; i < kTasks; ++i) {
    trials.push_back(testing::SampleTrial(i));
    trials.back().config = std::string(1000, 'c');
  }
  BESOM_CHECK(store->RegisterTrials(sweep, trials).ok(), "trials");
  const auto claims = *ClaimBook::Open(path / "besom.db");
  Times claiming, committing;
  std::vector<std::string> keys;
  for (int i = 0; i < kTasks; ++i) keys.push_back(KeyOf(i));
  for (int i = 0; i < kTasks; i += group) {
    const int count = std::min(group, kTasks - i);
    const std::vector<std::string> some(keys.begin() + i,
                                        keys.begin() + i + count);
    const CommitBatch batch = BatchOf(i, count);
    const Times start = Times::Now();
    const auto answers = claims->Claim("run", some, 1);
    BESOM_CHECK(answers.ok(), answers.status().ToString());
    const Times claimed = Times::Now();
    const Status status = store->Commit(sweep, batch);
    BESOM_CHECK(status.ok(), status.ToString());
    claiming += claimed - start;
    committing += Times::Now() - claimed;
  }
  Print("claim", group, claiming);
  Print("commit", group, committing);
  const Times start = Times::Now();
  const auto found = store->FindActionsByKey(keys);
  BESOM_CHECK(found.ok() && found->back().has_value(), "found");
  Print("find", kTasks, Times::Now() - start);
}

}  // namespace
}  // namespace besom::db

int main(int argc, char** argv) {
  const besom::Path folder =
      besom::Path(argc > 1 ? argv[1] : ".") / "besom_commit_benchmark";
  for (const int group : {1, 8, 64, 256}) besom::db::Measure(folder, group);
  std::filesystem::remove_all(folder);
}
