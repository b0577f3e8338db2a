#include "pipeline/run/stage_versions.h"

#include "stages/audit/audit_stage.h"
#include "stages/data/augment_stage.h"
#include "stages/data/duplicates_stage.h"
#include "stages/data/ingest_stage.h"
#include "stages/data/phantom.h"
#include "stages/data/split_stage.h"
#include "stages/model/features_stage.h"
#include "stages/model/head/evaluate_stage.h"
#include "stages/model/head/fine_tune_stage.h"

namespace besom::run {

stages::StageRegistry StagesWith(const stages::EnginesFactory& make_engines,
                                 const stages::TrainedBaseFactory& make_base) {
  stages::StageRegistry registry;
  const auto add = [&](std::unique_ptr<stages::Stage> stage) {
    std::string name(stage->name());
    registry.emplace(std::move(name), std::move(stage));
  };
  add(std::make_unique<stages::IngestStage>(stages::RenderPhantom));
  add(std::make_unique<stages::DuplicatesStage>());
  add(std::make_unique<stages::SplitStage>());
  add(std::make_unique<stages::AuditStage>());
  add(std::make_unique<stages::AugmentStage>());
  add(std::make_unique<stages::FeaturesStage>(make_engines));
  add(std::make_unique<stages::FineTuneStage>(make_base));
  add(std::make_unique<stages::EvaluateStage>(make_base));
  return registry;
}

std::map<std::string, int, std::less<>> StageVersions() {
  // The planner itself does the scan.
  std::map<std::string, int, std::less<>> versions = {{"scan", 1}};
  for (const auto& [name, stage] : StagesWith({}, {}))
    versions[name] = stage->version();
  return versions;
}

const std::vector<std::string>& StageOrder() {
  static const std::vector<std::string> order = {
      "ingest",  "duplicates", "split",     "audit",
      "augment", "features",   "fine_tune", "evaluate"};
  return order;
}

}  // namespace besom::run
