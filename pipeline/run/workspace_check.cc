#include "pipeline/run/workspace_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>

#include "pipeline/base/log.h"

namespace besom::run {
namespace {

/// The longest wait before the user's wish to stop is seen, seconds.
constexpr double kLongestWait = 0.2;

Status NotShared(const BlobStore& blobs, const std::string& host,
                 const std::set<std::string>& blind) {
  return {
      StatusCode::kUnavailable, blobs.layout().root().string(),
      fmt::format("{} {} not see what {} writes there", fmt::join(blind, ", "),
                  blind.size() == 1 ? "does" : "do", host),
      "put -w on a file system that all nodes share, or set `store: ranks`"};
}

}  // namespace

Status CheckWorkspace(const WorkspaceQuestion& question) {
  const BlobStore& blobs = question.blobs;
  const double patience = blobs.patience().seconds;
  if (question.executor.ranks() == 1 && patience <= 0) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(const WorkspaceProbe probe,
                         WorkspaceProbe::Try(blobs.layout()));
  // Another rank's folder of that name may be on a network file system, where
  // it looks so long, though rank 0's is not.
  const double until = question.clock.Monotonic() + question.lease_seconds +
                       std::max(patience, Patience::kNetworkSeconds);
  const auto wait = [&] {
    if (question.stop_requests() > 0) return 0.0;
    return std::min(kLongestWait, until - question.clock.Monotonic());
  };
  BESOM_ASSIGN_OR_RETURN(const std::vector<WorkspaceSight> sights,
                         question.executor.AskForToken(probe.token(), wait));
  if (question.stop_requests() > 0)
    return {StatusCode::kInterrupted, blobs.layout().root().string(),
            "asked to stop before all ranks had looked at the workspace"};
  std::set<std::string> blind;
  for (std::size_t rank = 0; rank < sights.size(); ++rank) {
    if (sights[rank].kind == WorkspaceSight::Kind::kMisses)
      blind.insert(sights[rank].host);
    if (sights[rank].kind == WorkspaceSight::Kind::kSilent)
      Log(LogLevel::kWarning,
          fmt::format("rank {} does not say whether it sees {}", rank,
                      blobs.layout().root().string()));
  }
  if (question.store_ranks) question.executor.KeepApart(sights);
  if (blind.empty() || question.store_ranks) return Status::Ok();
  return NotShared(blobs, sights[0].host, blind);
}

}  // namespace besom::run
