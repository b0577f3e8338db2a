#include "pipeline/run/replan.h"

#include "pipeline/run/resolve_backbone.h"
#include "pipeline/run/stage_versions.h"
#include "pipeline/run/sweep_numerics.h"
#include "stages/data/scan.h"
#include "sweeps/plan.h"

namespace besom::run {
namespace {

Status NotTheSame(const std::string& trial) {
  return {StatusCode::kNotFound, "trial " + trial,
          "this version of besom does not plan it again from what the "
          "workspace keeps: besom, the weights or the data have changed",
          "`besom run SPEC` makes the sweep's trials anew; use one of those"};
}

}  // namespace

Json ConfigAsPlanned(Json config) {
  if (Json& backbone = config.at("model").at("backbone"); backbone.is_object())
    backbone.erase("sha256");
  return config;
}

Result<SweepGraph> PlanAgain(const RecordedTrial& trial,
                             const RecordedData& data) {
  const SweepNumerics numerics = SweepNumerics::FromText(trial.numerics);
  stages::MemoryContentDigests digests;
  std::vector<stages::WeightsInfo> weights;
  PlannerServices services;
  services.stage_versions = StageVersions();
  services.numerics = numerics.tags();
  services.training_numerics = numerics.training();
  services.backbone = [&](const Json& model) {
    return ResolveBackbone(model, digests, weights);
  };
  // Where there is no file one pass is enough.
  const std::vector<Json> no_rows(1);
  const std::vector<Json>& rows =
      data.split_rows.empty() ? no_rows : data.split_rows;
  try {
    const Json config = ConfigAsPlanned(trial.config);
    const TrialConfig planned{config, sweeps::IdentityOf(config), {}};
    for (const stages::SourceScan& scan : data.scans) {
      services.scan = [&](const Json&, const Json&, std::uint64_t) {
        return Result<stages::SourceScan>(scan);
      };
      for (const Json& of_file : rows) {
        services.split_rows = [&](const std::string&) {
          return Result<Json>(of_file);
        };
        BESOM_ASSIGN_OR_RETURN(SweepGraph graph,
                               PlanSweep({planned}, services));
        if (graph.trials.front().id == trial.id) return graph;
      }
    }
  } catch (const Json::exception&) {
    // A configuration that lacks what this version reads.
  }
  return NotTheSame(trial.id);
}

}  // namespace besom::run
