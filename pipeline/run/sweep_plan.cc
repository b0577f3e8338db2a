#include "pipeline/run/sweep_plan.h"

#include "pipeline/base/log.h"
#include "pipeline/run/resolve_backbone.h"
#include "pipeline/run/stage_versions.h"
#include "stages/data/phantom.h"
#include "stages/data/split_file.h"
#include "stages/model/torch_script.h"
#include "stages/model/trained_base.h"
#include "sweeps/metric_bound.h"
#include "sweeps/metric_name.h"

namespace besom::run {
namespace {

Result<db::Criterion> CriterionOf(const std::string& text,
                                  const std::string& goal,
                                  const std::vector<std::string>& classes) {
  BESOM_ASSIGN_OR_RETURN(const sweeps::MetricName metric,
                         sweeps::MetricName::Parse(text, classes));
  db::Criterion criterion;
  criterion.label = text;
  criterion.name = metric.name;
  criterion.cls = metric.cls.value_or("");
  criterion.maximize =
      goal.empty() ? !metric.lower_is_better() : goal == "maximize";
  return criterion;
}

}  // namespace

Result<PreparedSweep> ReadSweep(const RunOptions& options) {
  BESOM_ASSIGN_OR_RETURN(sweeps::SweepSpec spec,
                         sweeps::LoadSweep(options.spec, options.overrides,
                                           sweeps::ProcessEnvironment()));
  if (options.shard && spec.base.at("store") == "ranks")
    return InvalidError(spec.PlaceOf("store").ToString(),
                        "the shards of a sweep find each other's work in one "
                        "folder, which `ranks` says is not there",
                        "set `store: shared`, or run it as one job");
  BESOM_ASSIGN_OR_RETURN(sweeps::TrialPlan trials, sweeps::ExpandTrials(spec));
  PreparedSweep sweep;
  sweep.spec = std::move(spec);
  sweep.trials = std::move(trials);
  return sweep;
}

Status ResolveNumerics(PreparedSweep& sweep, std::string_view stored,
                       const std::vector<std::string>& offered) {
  sweep.numerics = SweepNumerics::FromText(stored);
  const std::string device = sweep.spec.base.at("resources").at("device");
  for (const sweeps::Trial& trial : sweep.trials.trials) {
    const Json& model = trial.config.at("model");
    BESOM_RETURN_IF_ERROR(
        sweep.numerics.Resolve(model.at("precision"), device, offered));
    if (stages::IsUnfrozen(model) || !stages::TorchScriptOf(model).empty())
      BESOM_RETURN_IF_ERROR(sweep.numerics.ResolveTraining(offered));
  }
  return Status::Ok();
}

Status PlanGraph(PreparedSweep& sweep, stages::ContentDigests& digests,
                 int threads) {
  sweep.weights.clear();
  PlannerServices services;
  services.scan = [&](const Json& ingest, const Json& external,
                      std::uint64_t seed) {
    stages::ScanOptions scan;
    scan.seed = seed;
    scan.threads = threads;
    scan.base_folder = sweep.spec.file.parent_path();
    scan.phantom = stages::ScanPhantom;
    scan.patient_key =
        sweeps::ProcessEnvironment().variable("BESOM_PATIENT_KEY").value_or("");
    return stages::ScanSources(ingest, external, digests, scan);
  };
  services.backbone = [&](const Json& model) {
    return ResolveBackbone(model, digests, sweep.weights);
  };
  services.split_rows = [&](const std::string& path) {
    return stages::LoadSplitFile(sweep.spec.file.parent_path() / path);
  };
  services.stage_versions = StageVersions();
  services.numerics = sweep.numerics.tags();
  services.training_numerics = sweep.numerics.training();
  std::vector<TrialConfig> trials;
  for (const sweeps::Trial& trial : sweep.trials.trials)
    trials.push_back(
        {trial.config, sweeps::IdentityOf(trial.config), trial.parameters});
  BESOM_ASSIGN_OR_RETURN(sweep.graph, PlanSweep(trials, services));
  return Status::Ok();
}

std::optional<Digest> StoredContentDigests::Find(const Path& path,
                                                 const FileStat& stat) {
  if (!results_) return std::nullopt;
  const auto found = results_->FindFileDigests({{path.string(), stat}});
  if (!found.ok()) {
    Log(LogLevel::kWarning, found.status().ToString());
    return std::nullopt;
  }
  if (!found->at(0)) return std::nullopt;
  const Result<Digest> digest = Digest::FromHex(*found->at(0));
  return digest.ok() ? std::optional(*digest) : std::nullopt;
}

void StoredContentDigests::Store(const Path& path, const FileStat& stat,
                                 const Digest& digest) {
  learned_.push_back({path.string(), stat, digest.Hex()});
}

Status StoredContentDigests::WriteTo(db::ResultsStore& results) {
  if (learned_.empty()) return Status::Ok();
  BESOM_RETURN_IF_ERROR(results.PutFileDigests(learned_));
  learned_.clear();
  return Status::Ok();
}

Result<db::SweepRow> SweepRowOf(const PreparedSweep& sweep, double now) {
  const Json& base = sweep.spec.base;
  const Json& metric = base.at("metric");
  const std::vector<std::string> classes = base.at("ingest").at("classes");
  db::SweepRow row;
  row.name = sweep.spec.name;
  BESOM_ASSIGN_OR_RETURN(row.spec_yaml, ReadFile(sweep.spec.file));
  row.spec_json = CanonicalText(sweep.spec.canonical());
  row.seed = sweep.spec.seed;
  row.numerics = sweep.numerics.ToText();
  BESOM_ASSIGN_OR_RETURN(
      row.metric, CriterionOf(metric.at("name"), metric.at("goal"), classes));
  row.split = metric.at("split");
  for (const Json& then : metric.at("then")) {
    BESOM_ASSIGN_OR_RETURN(db::Criterion criterion,
                           CriterionOf(then, "", classes));
    row.then.push_back(std::move(criterion));
  }
  for (const Json& text : metric.at("subject_to")) {
    BESOM_ASSIGN_OR_RETURN(
        const sweeps::MetricBound bound,
        sweeps::MetricBound::Parse(text.get<std::string>(), classes));
    row.bounds.push_back({text, bound.metric.name,
                          bound.metric.cls.value_or(""), bound.at_least,
                          bound.limit});
  }
  row.allow_test = metric.at("allow_test");
  for (const stages::WeightsInfo& info : sweep.weights)
    row.weights.push_back({info.backbone, info.weights, info.entry, info.digest,
                           info.source, info.license,
                           CanonicalText(info.preprocessing.ToJson())});
  row.version = BESOM_VERSION;
  row.time = now;
  return row;
}

std::vector<db::TrialRow> TrialRowsOf(const PreparedSweep& sweep) {
  std::vector<db::TrialRow> rows;
  for (const PlannedTrial& trial : sweep.graph.trials) {
    const Json& model = trial.config.at("model");
    db::TrialRow& row = rows.emplace_back();
    row.trial = trial.id;
    row.ordinal = static_cast<std::int64_t>(rows.size()) - 1;
    row.parameters = trial.parameters;
    row.config = CanonicalText(trial.config);
    row.backbone = stages::BackboneTitle(model);
    row.head = model.at("head").dump();
    row.dropout = model.at("dropout").get<double>();
    row.fits = static_cast<int>(trial.fits.size());
  }
  return rows;
}

}  // namespace besom::run
