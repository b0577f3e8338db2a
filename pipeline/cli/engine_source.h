#pragma once

#include <memory>
#include <mutex>

#include "cluster/interrupt.h"
#include "pipeline/base/result.h"
#include "stages/model/feature_engine.h"
#include "stages/model/trained_base.h"

namespace besom::cli {

/// Where the stages of a rank get their engines. That they cannot be
/// loaded is no trial's fault: the run is asked to stop then, before it gives
/// one up. (Asked by rank 0; what fails on another rank is tried again, where
/// the scheduler likes.) Thread safety: any thread.
class EngineSource {
 public:
  /// `interrupt` must outlive it.
  explicit EngineSource(cluster::Interrupt& interrupt)
      : interrupt_(interrupt) {}

  /// As stages::MakeFeatureEngines.
  Result<stages::Engines> Make(const stages::EngineSpec& spec, int lanes);

  /// As stages::MakeTrainedBase.
  Result<std::unique_ptr<stages::TrainedBase>> MakeBase(
      const stages::TrainedBaseSpec& spec);

  /// The exit code of a rank whose run ended with `code`: where it stopped for
  /// want of engines, prints so and returns what that means.
  int ExitCodeOf(int code);

 private:
  Status Load();

  cluster::Interrupt& interrupt_;
  std::mutex mutex_;
  Status failure_;  // Of loading; guarded by mutex_.
};

}  // namespace besom::cli
