#include "pipeline/store/workspace_probe.h"

#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <random>
#include <utility>

namespace besom {
namespace {

std::string DrawContent() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(),
                     device());
}

/// Whether a lock that is taken keeps others out. OK without locks.
Status TryLocks(const Path& path, const LockCalls& calls) {
  Result<std::optional<FileLock>> first =
      FileLock::TryTake(path, "a trial of the file system", calls);
  if (first.status().code() == StatusCode::kUnavailable) {
    ::unlink(path.c_str());
    return Status::Ok();
  }
  if (!first.ok()) return first.status();
  if (!*first) return IoError(path.string(), "somebody else has its lock");
  const Result<std::optional<FileLock>> second =
      FileLock::TryTake(path, "the same", calls);
  (*first)->RemoveFile();
  if (!second.ok()) return second.status();
  if (!*second) return Status::Ok();
  return {StatusCode::kUnavailable, path.parent_path().string(),
          "locks on this file system keep nobody out",
          "name a workspace on another file system with -w"};
}

/// Makes the client of a network file system ask its server what is there.
void RefreshFolder(const Path& folder) {
  DIR* const entries = ::opendir(folder.c_str());
  if (entries == nullptr) return;
  while (::readdir(entries) != nullptr) {
  }
  ::closedir(entries);
}

}  // namespace

Result<WorkspaceProbe> WorkspaceProbe::Try(const WorkspaceLayout& layout,
                                           const DiskCalls& disk,
                                           const LockCalls& locks) {
  const Path path = TemporaryFor(layout.root() / "token");
  WorkspaceProbe probe(path, {path.filename().string(), DrawContent()});
  BESOM_RETURN_IF_ERROR(WriteFileAtomic(
      path, std::as_bytes(std::span(probe.token_.content)), disk));
  BESOM_RETURN_IF_ERROR(TryLocks(TemporaryFor(layout.root() / "lock"), locks));
  return probe;
}

WorkspaceProbe::WorkspaceProbe(WorkspaceProbe&& other) noexcept
    : path_(std::exchange(other.path_, Path())),
      token_(std::move(other.token_)) {}

WorkspaceProbe::~WorkspaceProbe() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

TokenSearch::TokenSearch(const WorkspaceLayout& layout, WorkspaceToken token,
                         const Patience& patience)
    : root_(layout.root()),
      token_(std::move(token)),
      clock_(patience.seconds > 0 ? patience.clock : nullptr),
      until_(clock_ ? clock_->Monotonic() + patience.seconds : 0) {}

std::optional<bool> TokenSearch::Look() {
  const auto is_there = [&] {
    const Result<std::string> found = ReadFile(root_ / token_.name);
    return found.ok() && *found == token_.content;
  };
  if (is_there()) return true;
  if (clock_ == nullptr) return false;
  RefreshFolder(root_);
  if (is_there()) return true;
  if (clock_->Monotonic() >= until_) return false;
  return std::nullopt;
}

}  // namespace besom
