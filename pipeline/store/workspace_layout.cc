#include "pipeline/store/workspace_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace besom {
namespace {

/// A file name for any sweep name: letters, digits, '-' and '_' as they are;
/// for anything else a digest keeps different names apart.
std::string FileNameOf(std::string_view name) {
  std::string safe;
  for (const char c : name)
    safe += std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'
                ? c
                : '_';
  if (safe == name && !safe.empty() && safe.size() < 100) return safe;
  return safe.substr(0, 80) + "." + DigestOf(name).Hex().substr(0, 12);
}

constexpr std::string_view kPartSuffix = ".db";
constexpr std::string_view kLockSuffix = ".lock";

/// Names of what is in `folder`, none when there is no such folder.
Result<std::vector<std::string>> NamesIn(const Path& folder) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator it(folder, error), end;
  if (error == std::errc::no_such_file_or_directory) return names;
  for (; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error)
    return IoError(folder.string(),
                   fmt::format("cannot list: {}", error.message()));
  std::sort(names.begin(), names.end());
  return names;
}

/// The shards whose names stand in `folder` between `prefix` and `suffix`.
Result<std::vector<SweepShard>> ShardsIn(const Path& folder,
                                         std::string_view prefix,
                                         std::string_view suffix) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(folder));
  std::vector<SweepShard> shards;
  for (const std::string& name : names) {
    if (name.size() <= prefix.size() + suffix.size() ||
        !name.starts_with(prefix) || !name.ends_with(suffix))
      continue;
    const std::optional<SweepShard> shard =
        SweepShard::FromFileName(std::string_view(name).substr(
            prefix.size(), name.size() - prefix.size() - suffix.size()));
    if (shard) shards.push_back(*shard);
  }
  std::sort(shards.begin(), shards.end());
  return shards;
}

}  // namespace

Path WorkspaceLayout::blob(const Digest& digest) const {
  const std::string hex = digest.Hex();
  return blobs() / hex.substr(0, 2) / hex;
}

Path WorkspaceLayout::sweep_lock(std::string_view name) const {
  return locks() / (FileNameOf(name) + ".lock");
}

Path WorkspaceLayout::run_lock(std::string_view run) const {
  return run_locks() / (FileNameOf(run) + ".lock");
}

Path WorkspaceLayout::parts_of(std::string_view name) const {
  return parts() / FileNameOf(name);
}

Path WorkspaceLayout::ended_parts_of(std::string_view name) const {
  // No sweep has this name: theirs begin with another character.
  return parts() / fmt::format(".{}", FileNameOf(name));
}

Path WorkspaceLayout::part(std::string_view name,
                           const SweepShard& shard) const {
  return parts_of(name) / fmt::format("{}{}", shard.FileName(), kPartSuffix);
}

Path WorkspaceLayout::task_notes(std::string_view name) const {
  return parts_of(name) / "tasks";
}

Path WorkspaceLayout::shard_lock(std::string_view name,
                                 const SweepShard& shard) const {
  return locks() / fmt::format("{}.{}{}", FileNameOf(name), shard.FileName(),
                               kLockSuffix);
}

Path WorkspaceLayout::parts_lock(std::string_view name) const {
  return locks() / fmt::format("{}.parts{}", FileNameOf(name), kLockSuffix);
}

Result<std::vector<SweepShard>> WorkspaceLayout::ListParts(
    std::string_view name) const {
  return ShardsIn(parts_of(name), "", kPartSuffix);
}

Result<std::vector<SweepShard>> WorkspaceLayout::ListShardLocks(
    std::string_view name) const {
  return ShardsIn(locks(), FileNameOf(name) + ".", kLockSuffix);
}

Result<std::vector<Path>> WorkspaceLayout::ListAllParts() const {
  std::vector<Path> all;
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> sweeps,
                         NamesIn(parts()));
  for (const std::string& sweep : sweeps) {
    const Path folder = parts() / sweep;
    BESOM_ASSIGN_OR_RETURN(const std::vector<SweepShard> shards,
                           ShardsIn(folder, "", kPartSuffix));
    for (const SweepShard& shard : shards)
      all.push_back(folder / (shard.FileName() + std::string(kPartSuffix)));
  }
  return all;
}

std::string WorkspaceLayout::journal_prefix(std::string_view run) const {
  return FileNameOf(run) + ".rank";
}

Path WorkspaceLayout::journal(std::string_view run, int rank) const {
  return logs() /
         fmt::format("{}{}{}", journal_prefix(run), rank, kJournalSuffix);
}

Path WorkspaceLayout::job_script(std::string_view name) const {
  return jobs() / (FileNameOf(name) + ".sbatch");
}

Path WorkspaceLayout::job_log(std::string_view name, bool array) const {
  return jobs() /
         fmt::format("{}-{}.log", FileNameOf(name), array ? "%A_%a" : "%j");
}

Path WorkspaceLayout::job_record(std::string_view name,
                                 const std::optional<SweepShard>& shard) const {
  const std::string part = shard ? fmt::format(".{}", shard->FileName()) : "";
  return jobs() / (FileNameOf(name) + part + ".job.json");
}

Path WorkspaceLayout::rank_log(int rank) const {
  return logs() / fmt::format("rank{}.log", rank);
}

Path WorkspaceLayout::contact_sheet(std::string_view name) const {
  return logs() / (FileNameOf(name) + ".views.png");
}

Path WorkspaceLayout::split_receipt(std::string_view name) const {
  return logs() / (FileNameOf(name) + ".split.json");
}

}  // namespace besom
