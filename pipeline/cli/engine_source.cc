#include "pipeline/cli/engine_source.h"

#include "pipeline/cli/report_status.h"
#include "stages/model/engine_loader.h"

namespace besom::cli {

Result<stages::Engines> EngineSource::Make(const stages::EngineSpec& spec,
                                           int lanes) {
  BESOM_RETURN_IF_ERROR(Load());
  return stages::MakeFeatureEngines(spec, lanes);
}

Result<std::unique_ptr<stages::TrainedBase>> EngineSource::MakeBase(
    const stages::TrainedBaseSpec& spec) {
  BESOM_RETURN_IF_ERROR(Load());
  return stages::MakeTrainedBase(spec);
}

Status EngineSource::Load() {
  const Status loaded = stages::LoadEngines();
  if (loaded.ok()) return loaded;
  const std::lock_guard lock(mutex_);
  // Once: a second request would end the run without waiting for its tasks.
  if (failure_.ok()) interrupt_.Request();
  failure_ = loaded;
  return loaded;
}

int EngineSource::ExitCodeOf(int code) {
  constexpr int kStopped = 3;
  const std::lock_guard lock(mutex_);
  return code == kStopped && !failure_.ok() ? ReportStatus(failure_) : code;
}

}  // namespace besom::cli
