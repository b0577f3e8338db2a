#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "pipeline/store/artifact.h"

namespace besom::cluster {
class Group;
}  // namespace besom::cluster

namespace besom::stages {

/// What a stage may read.
struct StageInput {
  /// Canonical parameters; all of them are part of the action key.
  const Json& params;
  /// How and where, never what: absolute paths, thread counts. Not in the key,
  /// and must not change a bit of the output.
  const Json& hints;
  const ArtifactMap& artifacts;
  /// Called after each unit of work (an image, an epoch) with the share done
  /// in [0, 1]; returns true when the task must stop (then Run returns
  /// kInterrupted). Any thread.
  const std::function<bool(double)>& progress;
  /// The ranks that compute this task together; null = this one alone. Every
  /// member runs the stage with equal params and artifacts, and only the
  /// leader (rank 0) returns blobs. Borrowed for the call. Who computes what
  /// must not change a bit of the output.
  cluster::Group* group = nullptr;
};

/// Memory of the device that a task ran on, bytes; zeros = not measured.
struct DeviceMemory {
  std::int64_t peak = 0;   ///< That the task took, with all it needs there.
  std::int64_t total = 0;  ///< That the device has for tasks.
};

/// What a stage produced. Values only: the runner, not the stage, stores them.
struct StageOutput {
  /// One blob per port.
  std::map<std::string, std::string> blobs;
  /// Small numbers about the work for the records (images, epochs, hits).
  Json counters = Json::object();
  DeviceMemory memory;
};

/// Computes one step of an experiment.
///
/// Invariants:
/// (1) The blobs depend on `params`, `artifacts`, version() and the numerics
///     tag alone, bit for bit on CPUs; the action key holds exactly these.
/// (2) Run() holds no state between calls that could change a result (caches
///     of parsed inputs, keyed by digest, are fine).
/// Thread safety: one thread at a time.
class Stage {
 public:
  Stage() = default;
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  virtual ~Stage() = default;

  /// The name that keys, tables and YAML use, e.g. "fine_tune".
  virtual std::string_view name() const noexcept = 0;
  /// Bump it when equal input would give a different output; older actions
  /// then stop matching.
  virtual int version() const noexcept = 0;
  virtual Result<StageOutput> Run(const StageInput& input) = 0;
  /// Computes many tasks that differ in their params and in what is already
  /// there of their output ("prior"), by default one after another; no group.
  /// Returns for each what Run does for it alone, bit for bit; an error of the
  /// whole is one of what they share, or kInterrupted.
  /// REQUIRES: hints, progress and all other artifacts are the same.
  virtual Result<std::vector<Result<StageOutput>>> RunEach(
      std::span<const StageInput> inputs) {
    std::vector<Result<StageOutput>> outputs;
    for (const StageInput& input : inputs) outputs.push_back(Run(input));
    return outputs;
  }
  /// Gives back what it keeps on a GPU between runs.
  virtual void ReleaseDevice() {}
};

/// The stages that a process can run, by name.
using StageRegistry =
    std::map<std::string, std::unique_ptr<Stage>, std::less<>>;

}  // namespace besom::stages
