#include "pipeline/store/workspace_layout.h"

#include <fmt/format.h>

#include <cctype>

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

Path WorkspaceLayout::job_record(std::string_view name, int index,
                                 int count) const {
  const std::string part =
      count == 0 ? "" : fmt::format(".{}-of-{}", index, count);
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
