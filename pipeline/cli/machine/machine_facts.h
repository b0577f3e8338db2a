#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"

namespace besom::cli {

/// Bytes of memory that this process may use.
struct MemoryFacts {
  std::uint64_t total = 0;      ///< The machine's, or a smaller group limit.
  std::uint64_t available = 0;  ///< Not in use now.
};

/// `meminfo` is the text of /proc/meminfo; `limit` the control group's limit
/// in bytes, if there is one.
MemoryFacts ParseMemory(std::string_view meminfo,
                        std::optional<std::uint64_t> limit);
MemoryFacts ReadMemory();

/// Where a workspace lies, or would lie.
struct WorkspaceFacts {
  Path path;               ///< Absolute.
  bool exists = false;     ///< False: the rest is about its nearest parent.
  std::string filesystem;  ///< "ext4", "nfs", ...
  bool network = false;    ///< On other machines too.
  std::uint64_t free_bytes = 0;
  /// OK when it can be written and two locks on one file exclude each other,
  /// for both kinds of lock that are used (flock; POSIX ranges as SQLite's).
  Status usable;
};

/// Looks at the folder and tries locks on a temporary file in it. Leaves
/// nothing behind; does not make the workspace.
WorkspaceFacts ReadWorkspace(const Path& workspace);

/// What `besom-worker --capabilities` prints; kUnavailable when it does not
/// run here. `worker` is the program's path.
Result<Json> WorkerCapabilities(const std::string& worker);

/// One line of `doctor`.
struct Finding {
  enum class State { kOk, kNote, kMissing };
  State state = State::kOk;
  std::string name;   ///< "memory", "LibTorch", ...
  std::string value;  ///< For people.
  std::string cure;   ///< Empty when there is nothing to do.
  Json facts;         ///< The same for programs.
};

/// What was looked up, before it is judged.
struct MachineFacts {
  int cores = 1;
  MemoryFacts memory;
  std::vector<std::string> gpus;  ///< UUIDs that the driver names.
  Result<Json> capabilities;
  std::string mpirun;
  std::vector<std::string> weights;  ///< Backbones whose weights are here.
  Path weights_folder;
  WorkspaceFacts workspace;
};

/// Judges the facts, most basic first.
std::vector<Finding> JudgeMachine(const MachineFacts& facts);

/// 4 when something is missing that every sweep needs, else 0.
int DoctorExitCode(const std::vector<Finding>& findings);
std::string FindingsTable(const std::vector<Finding>& findings);
Json FindingsJson(const std::vector<Finding>& findings);

}  // namespace besom::cli
