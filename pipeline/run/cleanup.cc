#include "pipeline/run/cleanup.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "db/results_store.h"
#include "pipeline/run/ended_tasks.h"
#include "pipeline/run/task_messages.h"
#include "pipeline/store/blob_store.h"
#include "pipeline/store/run_lock.h"

namespace besom::run {
namespace {

namespace fs = std::filesystem;

Status CannotList(const Path& folder, const std::error_code& error) {
  return IoError(folder.string(),
                 fmt::format("cannot list: {}", error.message()));
}

/// What stands in a folder, sorted; nothing when there is no such folder.
Result<std::vector<fs::directory_entry>> EntriesOf(const Path& folder) {
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  fs::directory_iterator it(folder, error), end;
  if (error == std::errc::no_such_file_or_directory) return entries;
  for (; !error && it != end; it.increment(error)) entries.push_back(*it);
  if (error) return CannotList(folder, error);
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool IsPlainFile(const fs::directory_entry& entry) {
  std::error_code ignored;
  return fs::is_regular_file(entry.symlink_status(ignored));
}

/// Bytes of a file, or of all files below a folder.
std::uint64_t BytesOf(const fs::directory_entry& entry) {
  std::error_code error;
  if (IsPlainFile(entry)) {
    const std::uintmax_t bytes = entry.file_size(error);
    return error ? 0 : bytes;
  }
  if (!fs::is_directory(entry.symlink_status(error))) return 0;
  std::uint64_t sum = 0;
  fs::recursive_directory_iterator it(entry.path(), error), end;
  for (; !error && it != end; it.increment(error))
    if (IsPlainFile(*it)) sum += BytesOf(*it);
  return sum;
}

bool IsHexName(const std::string& name) {
  const Result<Digest> digest = Digest::FromHex(name);
  return digest.ok() && digest->Hex() == name;
}

/// Adds what stands in one folder of the store. Hidden files are left out.
Status AddFiles(const Path& folder, StoreFile::Kind kind,
                std::vector<StoreFile>& files) {
  BESOM_ASSIGN_OR_RETURN(const auto entries, EntriesOf(folder));
  for (const fs::directory_entry& entry : entries) {
    StoreFile file;
    file.path = entry.path();
    file.name = entry.path().filename().string();
    if (file.name.starts_with('.')) continue;
    file.bytes = BytesOf(entry);
    if (kind == StoreFile::Kind::kBlob && file.name.ends_with(".corrupt"))
      file.kind = StoreFile::Kind::kDamaged;
    else if (IsPlainFile(entry) && IsHexName(file.name))
      file.kind = kind;
    files.push_back(std::move(file));
  }
  return Status::Ok();
}

Result<std::vector<StoreFile>> ListStore(const WorkspaceLayout& layout) {
  std::vector<StoreFile> files;
  BESOM_ASSIGN_OR_RETURN(const auto folders, EntriesOf(layout.blobs()));
  for (const fs::directory_entry& folder : folders) {
    if (std::error_code ignored; folder.is_directory(ignored))
      BESOM_RETURN_IF_ERROR(
          AddFiles(folder.path(), StoreFile::Kind::kBlob, files));
    else
      files.push_back({StoreFile::Kind::kOther, folder.path(),
                       folder.path().filename().string(), BytesOf(folder)});
  }
  BESOM_RETURN_IF_ERROR(
      AddFiles(layout.checkpoints(), StoreFile::Kind::kCheckpoint, files));
  BESOM_ASSIGN_OR_RETURN(const std::vector<Path> dead,
                         BlobStore(layout).ListDeadTemporaries());
  for (const Path& path : dead) {
    StoreFile& file = files.emplace_back();
    file.kind = StoreFile::Kind::kTemporary;
    file.path = path;
    file.name = path.filename().string();
    file.bytes = BytesOf(fs::directory_entry(path));
  }
  return files;
}

/// What the journals of runs that have no end yet say to be stored: the next
/// run of the sweep takes it over (AdoptFinished).
Result<std::set<std::string>> StoredForAdoption(const WorkspaceLayout& layout,
                                                db::ResultsStore& results) {
  std::set<std::string> digests;
  BESOM_ASSIGN_OR_RETURN(const std::vector<db::RunRow> runs,
                         results.OpenRuns());
  const auto take = [&](const std::string&, const Json& json) {
    const Result<TaskReport> report = ReportFromJson(json);
    if (!report.ok()) return;
    for (const PortBlob& output : report->outputs)
      digests.insert(output.blob.digest.Hex());
  };
  for (const db::RunRow& run : runs)
    BESOM_RETURN_IF_ERROR(ForEachEnded(layout, run.run, take));
  return digests;
}

/// The same of the parts of shards, and what their databases name.
Status ReadParts(const WorkspaceLayout& layout, CleanupFacts& facts) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<Path> parts, layout.ListAllParts());
  for (const Path& part : parts) {
    {
      BESOM_ASSIGN_OR_RETURN(const auto results, db::ResultsStore::Open(part));
      BESOM_ASSIGN_OR_RETURN(std::set<std::string> to_adopt,
                             StoredForAdoption(layout, *results));
      facts.to_adopt.merge(to_adopt);
    }
    BESOM_ASSIGN_OR_RETURN(const auto book, db::BlobBook::Open(part));
    BESOM_ASSIGN_OR_RETURN(const db::StoreRecord record, book->Read());
    for (const db::StoredBlob& blob : record.blobs)
      if (!blob.removed) facts.of_parts.insert(blob.digest);
    for (const db::FitModel& model : record.models)
      facts.of_parts.insert(model.digest);
  }
  return Status::Ok();
}

/// Who keeps us from having the workspace alone: the runs that hold a sweep.
Result<std::string> HoldersOf(const WorkspaceLayout& layout) {
  std::string holders;
  BESOM_ASSIGN_OR_RETURN(const auto entries, EntriesOf(layout.locks()));
  for (const fs::directory_entry& entry : entries) {
    const Path& path = entry.path();
    if (!IsPlainFile(entry) || path == layout.workspace_lock()) continue;
    BESOM_ASSIGN_OR_RETURN(const bool held, FileLock::IsHeld(path));
    if (!held) continue;
    if (!holders.empty()) holders += "; ";
    holders +=
        fmt::format("{}: {}", path.stem().string(), FileLock::HolderOf(path));
  }
  // Nobody runs a sweep: another cleanup has it.
  return holders.empty() ? FileLock::HolderOf(layout.workspace_lock())
                         : holders;
}

Result<WorkspaceLock> TakeAlone(const WorkspaceLayout& layout,
                                const LockHolder& self) {
  Result<std::optional<WorkspaceLock>> taken =
      WorkspaceLock::TryTakeExclusive(layout, self.ToText());
  if (taken.status().code() == StatusCode::kUnavailable)
    return Status(StatusCode::kUnavailable, layout.root().string(),
                  "this file system has no locks, so nothing tells whether a "
                  "run is alive",
                  "free space from a machine where locks work, or on a copy");
  BESOM_ASSIGN_OR_RETURN(std::optional<WorkspaceLock> lock, std::move(taken));
  if (lock) return *std::move(lock);
  BESOM_ASSIGN_OR_RETURN(const std::string holders, HoldersOf(layout));
  return Status(StatusCode::kInterrupted, layout.root().string(),
                fmt::format("the workspace is in use ({})", holders),
                "run the same command again when that has ended");
}

Status Remove(const StoreFile& file) {
  std::error_code error;
  if (file.kind == StoreFile::Kind::kDamaged)
    fs::remove_all(file.path, error);  // May be a folder.
  else
    fs::remove(file.path, error);
  if (!error) return Status::Ok();
  return IoError(file.path.string(),
                 fmt::format("cannot remove: {}", error.message()),
                 "look at its rights, then run the same command again");
}

}  // namespace

Result<CleanupReport> CleanUp(const WorkspaceLayout& layout,
                              const CleanupPolicy& policy, bool dry_run,
                              const LockHolder& self, const Clock& clock) {
  if (!StatFile(layout.database()).ok())
    return Status(StatusCode::kNotFound, layout.root().string(),
                  "there is no workspace here",
                  "name one with -w or $BESOM_WORKSPACE");
  BESOM_ASSIGN_OR_RETURN(const WorkspaceLock alone, TakeAlone(layout, self));
  CleanupFacts facts;
  {
    BESOM_ASSIGN_OR_RETURN(const auto results,
                           db::ResultsStore::Open(layout.database()));
    BESOM_ASSIGN_OR_RETURN(facts.to_adopt, StoredForAdoption(layout, *results));
  }
  BESOM_RETURN_IF_ERROR(ReadParts(layout, facts));
  BESOM_ASSIGN_OR_RETURN(const auto book,
                         db::BlobBook::Open(layout.database()));
  BESOM_ASSIGN_OR_RETURN(facts.record, book->Read());
  BESOM_ASSIGN_OR_RETURN(facts.files, ListStore(layout));
  CleanupReport report;
  report.plan = PlanCleanup(facts, policy);
  if (!dry_run)
    BESOM_RETURN_IF_ERROR(
        book->SetRemoved(report.plan.forgotten, clock.Wall()));
  for (const Removal& removal : report.plan.removals) {
    const StoreFile& file = facts.files[removal.file];
    if (!dry_run) {
      if (Status removed = Remove(file); !removed.ok()) {
        report.plan.bytes_after += file.bytes;
        if (report.trouble.ok()) report.trouble = std::move(removed);
        continue;
      }
    }
    CleanupReport::Line& line =
        report.lines[static_cast<std::size_t>(removal.kind)];
    ++line.files;
    line.bytes += file.bytes;
  }
  return report;
}

}  // namespace besom::run
