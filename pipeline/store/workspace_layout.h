#pragma once

#include <string>
#include <string_view>

#include "pipeline/base/digest.h"
#include "pipeline/base/files.h"

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
  /// The record of its job (pipeline/store/job_record.h), or of job `index` of
  /// an array of `count`; 0 = no array.
  Path job_record(std::string_view name, int index, int count) const;
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
