#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/digest.h"
#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "pipeline/store/sweep_shard.h"

namespace besom {

/// Makes every file name of a workspace; nothing else spells one.
class WorkspaceLayout {
 public:
  explicit WorkspaceLayout(Path root) : root_(std::move(root)) {}

  const Path& root() const { return root_; }
  Path database() const { return root_ / "besom.db"; }
  Path store() const { return root_ / "store"; }
  Path blobs() const { return store() / "blobs.v1"; }
  /// store/blobs.v1/ab/abcd...: two digits keep folders small.
  Path blob(const Digest& digest) const;
  /// How far tasks that were not finished are; see CheckpointFile.
  Path checkpoints() const { return store() / "checkpoints.v1"; }
  /// Of the task with that key.
  Path checkpoint(const Digest& key) const { return checkpoints() / key.Hex(); }
  Path locks() const { return store() / "locks"; }
  /// Held by each run of sweep `name` for its life.
  Path sweep_lock(std::string_view name) const;
  /// Shared by runs, taken alone by what removes blobs.
  Path workspace_lock() const { return locks() / ".workspace.lock"; }
  Path run_locks() const { return locks() / "runs"; }
  /// Held by run `run` for its life.
  Path run_lock(std::string_view run) const;
  /// What `besom submit` writes.
  Path jobs() const { return root_ / "slurm"; }
  /// The batch script of sweep `name`.
  Path job_script(std::string_view name) const;
  /// Output of its job, with Slurm's words for the number in the name: for an
  /// array that of each of its jobs.
  Path job_log(std::string_view name, bool array) const;
  /// The record of its job (pipeline/store/job_record.h), or of that of a
  /// shard.
  Path job_record(std::string_view name,
                  const std::optional<SweepShard>& shard) const;
  /// Results of shards that are not merged into database() yet.
  Path parts() const { return root_ / "parts"; }
  /// Those of sweep `name`.
  Path parts_of(std::string_view name) const;
  /// What that folder is called while it is being removed.
  Path ended_parts_of(std::string_view name) const;
  /// The database of one shard: parts/NAME/0-of-3.db.
  Path part(std::string_view name, const SweepShard& shard) const;
  /// What shards tell each other of the tasks that several of them need; see
  /// TaskNotes.
  Path task_notes(std::string_view name) const;
  /// Held by the run of that shard for its life.
  Path shard_lock(std::string_view name, const SweepShard& shard) const;
  /// Held for a moment by whoever begins or merges a part of sweep `name`.
  Path parts_lock(std::string_view name) const;
  /// The shards of `name` that have a part, or a file of their lock; sorted.
  Result<std::vector<SweepShard>> ListParts(std::string_view name) const;
  Result<std::vector<SweepShard>> ListShardLocks(std::string_view name) const;
  /// The parts of all sweeps, sorted.
  Result<std::vector<Path>> ListAllParts() const;
  Path logs() const { return root_ / "logs"; }
  Path rank_log(int rank) const;
  /// What `rank` did in `run`: journal_prefix(run) + "N" + kJournalSuffix.
  Path journal(std::string_view run, int rank) const;
  /// How the names of the journals of `run` begin.
  std::string journal_prefix(std::string_view run) const;
  static constexpr std::string_view kJournalSuffix = ".jsonl";
  /// Contact sheet of the views of sweep `name`, for people.
  Path contact_sheet(std::string_view name) const;
  /// Receipt of the split of sweep `name`, JSON
  /// (stages/data/split_receipt.h), for people.
  Path split_receipt(std::string_view name) const;

 private:
  Path root_;
};

}  // namespace besom
