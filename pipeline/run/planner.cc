#include "pipeline/run/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "pipeline/run/task_costs.h"
#include "pipeline/run/task_params.h"
#include "pipeline/store/action_key.h"
#include "stages/model/numerics_tag.h"
#include "stages/model/torch_script.h"
#include "stages/model/trained_base.h"

namespace besom::run {
namespace {

/// Nothing but its predicted cost.
TaskNode Costing(double seconds, double units = 1) {
  TaskNode node;
  node.cost = seconds;
  node.units = units;
  return node;
}

/// A run of images that one features task computes.
struct ImageRange {
  TaskId ingest = 0;
  std::vector<std::string> contents;  // Hex digests.
};

/// What the sources hold, as the scan task leaves it.
struct KnownScan {
  stages::SourceScan scan;
  std::string bytes, digest;
};

/// One (ingest settings, split settings) of the sweep, planned once.
struct DataSlot {
  std::size_t data = 0;  // Index into SweepGraph::data.
  std::vector<ImageRange> ranges;
  double trained = 0;  // Share of the images.
};

class Planner {
 public:
  Planner(const PlannerServices& services, SweepGraph& out)
      : services_(services), out_(out) {}

  Status AddTrial(const TrialConfig& trial);

 private:
  int VersionOf(std::string_view stage) const;
  TaskId AddTask(std::string_view stage, std::string label, Json params,
                 Json hints, std::vector<TaskInput> inputs, TaskNode node);
  Result<const KnownScan*> ScanOf(const Json& config);
  Result<const DataSlot*> DataOf(const Json& config,
                                 const ResolvedBackbone& backbone);
  const std::string& TagOf(const Json& model) const;
  int FusionOf(const Json& shared);
  Json ModelParams(const Json& model, const ResolvedBackbone& backbone) const;
  void AddIngest(const Json& pixels, DataSlot& slot, PlannedData& data);
  TaskId AddDuplicates(const PlannedData& data);
  Status AddSplit(const Json& config, PlannedData& data);
  std::vector<TaskInput> AddFeatures(const Json& config,
                                     const ResolvedBackbone& backbone,
                                     const DataSlot& slot, bool plain);
  TaskNode NodeOfFit(const Json& config, const DataSlot& slot,
                     const ResolvedBackbone& backbone) const;
  PlannedFit AddFit(const Json& config, const Json& model, const DataSlot& slot,
                    const std::vector<TaskInput>& plain,
                    const std::vector<TaskInput>& views,
                    const ResolvedBackbone& backbone, int repeat, int fold);

  const PlannerServices& services_;
  SweepGraph& out_;
  std::map<std::string, KnownScan> scans_;
  std::map<std::string, ResolvedBackbone> backbones_;
  std::map<std::string, DataSlot> slots_;
  std::map<std::string, std::vector<TaskInput>> features_;
  std::map<std::string, int> fusions_;
};

int Planner::VersionOf(std::string_view stage) const {
  const auto version = services_.stage_versions.find(stage);
  BESOM_CHECK(version != services_.stage_versions.end(),
              fmt::format("no version of stage {}", stage));
  return version->second;
}

/// Where a task finds the weights, and what they must be.
Json WeightsHints(const ResolvedBackbone& backbone) {
  Json hints = {{"weights_path", backbone.path}};
  if (!backbone.path.empty()) hints["weights_digest"] = backbone.weights;
  return hints;
}

/// Adds a task; `node` brings what is not an argument: space and cost.
TaskId Planner::AddTask(std::string_view stage, std::string label, Json params,
                        Json hints, std::vector<TaskInput> inputs,
                        TaskNode node) {
  std::vector<std::pair<std::string, Digest>> keys;
  for (const TaskInput& input : inputs)
    keys.emplace_back(input.port, out_.graph[input.task].key);
  node.key = ActionKey({stage, VersionOf(stage), params, keys});
  node.stage = stage;
  node.label = std::move(label);
  node.params = std::move(params);
  node.hints = std::move(hints);
  node.inputs = std::move(inputs);
  return out_.graph.Add(std::move(node));
}

Result<const KnownScan*> Planner::ScanOf(const Json& config) {
  const Json& external = config.at("evaluate").at("external");
  const std::uint64_t seed = config.at("seed");
  const std::string key = CanonicalText({config.at("ingest"), external, seed});
  auto it = scans_.find(key);
  if (it == scans_.end()) {
    BESOM_ASSIGN_OR_RETURN(stages::SourceScan scan,
                           services_.scan(config.at("ingest"), external, seed));
    KnownScan known{std::move(scan), "", ""};
    known.bytes = CanonicalText(known.scan.ToJson());
    known.digest = DigestOf(std::string_view(known.bytes)).Hex();
    it = scans_.emplace(key, std::move(known)).first;
  }
  return &it->second;
}

void Planner::AddIngest(const Json& pixels, DataSlot& slot, PlannedData& data) {
  std::set<Digest> seen;
  std::vector<std::size_t> images;
  for (std::size_t i = 0; i < data.scan.entries.size(); ++i) {
    const stages::ScanEntry& entry = data.scan.entries[i];
    if (entry.left_out.empty() && seen.insert(entry.content).second)
      images.push_back(i);
  }
  for (std::size_t begin = 0; begin < images.size();
       begin += kImagesPerIngestTask) {
    const std::size_t end =
        std::min(images.size(), begin + kImagesPerIngestTask);
    Json params = pixels, files = Json::array(), paths = Json::array();
    std::vector<std::string> contents;
    for (std::size_t i = begin; i < end; ++i) {
      const stages::ScanEntry& entry = data.scan.entries[images[i]];
      contents.push_back(entry.content.Hex());
      Json file = {{"name", entry.path}, {"content", contents.back()}};
      if (!entry.generator.is_null()) file["generator"] = entry.generator;
      files.push_back(std::move(file));
      paths.push_back(data.scan.absolute_paths.empty()
                          ? ""
                          : data.scan.absolute_paths[images[i]]);
    }
    params["files"] = std::move(files);
    TaskNode node =
        Costing(static_cast<double>(end - begin) * TaskCosts::kDecode,
                static_cast<double>(end - begin));
    node.reads_files =
        std::ranges::any_of(paths, [](const Json& path) { return path != ""; });
    const TaskId task = AddTask(
        "ingest", fmt::format("ingest images {}-{}", begin, end - 1),
        std::move(params), {{"paths", std::move(paths)}}, {}, std::move(node));
    data.ingest.push_back(task);
    for (std::size_t first = 0; first < contents.size();
         first += kImagesPerFeaturesTask) {
      const auto from = contents.begin() + static_cast<std::ptrdiff_t>(first);
      const auto to = contents.begin() +
                      static_cast<std::ptrdiff_t>(std::min(
                          contents.size(), first + kImagesPerFeaturesTask));
      slot.ranges.push_back({task, {from, to}});
    }
  }
}

/// Depends on the images alone: all splits of them share it.
TaskId Planner::AddDuplicates(const PlannedData& data) {
  std::vector<TaskInput> inputs;
  double images = 0;
  for (const TaskId task : data.ingest) {
    inputs.push_back({"thumbnails", task, "thumbnails"});
    images += out_.graph[task].units;
  }
  return AddTask("duplicates", "search for duplicates", Json::object(),
                 Json::object(), std::move(inputs),
                 Costing(TaskCosts::Duplicates(images)));
}

Status Planner::AddSplit(const Json& config, PlannedData& data) {
  const Json& ingest = config.at("ingest");
  Json params = {{"split", config.at("split")},
                 {"classes", ingest.at("classes")},
                 {"duplicates", ingest.at("duplicates")},
                 {"on_bad_image", ingest.at("on_bad_image")},
                 {"seed", config.at("seed")}};
  if (const auto file = params["split"].find("file");
      file != params["split"].end() && file->is_string() &&
      !file->get<std::string>().empty()) {
    BESOM_ASSIGN_OR_RETURN(params["file_rows"], services_.split_rows(*file));
  }
  params["split"].erase("file");  // A path is never part of a key.
  std::vector<TaskInput> inputs = {{"scan", data.scan_task, "scan"}};
  for (const TaskId task : data.ingest)
    inputs.push_back({"pixels", task, "pixels"});
  std::vector<TaskInput> split_inputs = inputs;
  split_inputs.push_back({"duplicates", AddDuplicates(data), "duplicates"});
  data.split = AddTask("split", "split", std::move(params), Json::object(),
                       std::move(split_inputs), Costing(TaskCosts::kSplit));
  inputs[0] = {"split", data.split, "split"};
  data.augment =
      AddTask("augment", "views",
              {{"augment", config.at("augment")}, {"seed", config.at("seed")}},
              Json::object(), inputs, Costing(TaskCosts::kAugment));
  if (out_.data.empty() && config.at("evaluate").value("audit", false))
    data.audit = AddTask(
        "audit", "shortcut audit", {{"seed", config.at("seed")}},
        Json::object(), std::move(inputs),
        Costing(
            TaskCosts::Audit(static_cast<double>(data.scan.entries.size()))));
  return Status::Ok();
}

Result<const DataSlot*> Planner::DataOf(const Json& config,
                                        const ResolvedBackbone& backbone) {
  BESOM_ASSIGN_OR_RETURN(const KnownScan* scan, ScanOf(config));
  const Json& ingest = config.at("ingest");
  const Json pixels = PixelSettings(ingest, SizeOf(ingest, backbone));
  const std::string key = CanonicalText(
      {scan->digest, pixels, config.at("split"), config.at("augment"),
       ingest.at("duplicates"), ingest.at("on_bad_image"), config.at("seed")});
  const auto known = slots_.find(key);
  if (known != slots_.end()) return &known->second;
  PlannedData data;
  data.scan = scan->scan;
  data.scan_bytes = scan->bytes;
  data.scan_task =
      AddTask("scan", "scan of the sources", {{"digest", scan->digest}},
              Json::object(), {}, TaskNode());
  DataSlot slot;
  AddIngest(pixels, slot, data);
  BESOM_RETURN_IF_ERROR(AddSplit(config, data));
  slot.trained =
      ShareTrained(config.at("split"),
                   out_.graph[data.split].params.value("file_rows", Json()));
  slot.data = out_.data.size();
  out_.data.push_back(std::move(data));
  return &slots_.emplace(key, std::move(slot)).first->second;
}

/// The numerics tag of a model's tasks; only LibTorch runs a TorchScript file.
const std::string& Planner::TagOf(const Json& model) const {
  const std::string precision = model.at("precision");
  const auto found = services_.numerics.find(precision);
  BESOM_CHECK(found != services_.numerics.end(),
              "no numerics for precision " + precision);
  const bool suits = stages::TorchScriptOf(model).empty() ||
                     stages::EngineOf(found->second) == "libtorch";
  return suits ? found->second : services_.training_numerics;
}

/// The number of the tasks that have `shared` in common.
int Planner::FusionOf(const Json& shared) {
  return fusions_.try_emplace(CanonicalText(shared), fusions_.size())
      .first->second;
}

/// The model section as keys may hold it: the weights by digest, not by path,
/// and the precision that `auto` stands for.
Json Planner::ModelParams(const Json& model,
                          const ResolvedBackbone& backbone) const {
  Json params = model;
  params["backbone"] = stages::BackboneOf(model);
  params["precision"] = stages::PrecisionOf(TagOf(model));
  params["weights"] = backbone.weights;
  params["preprocessing"] = backbone.preprocessing;
  return params;
}

std::vector<TaskInput> Planner::AddFeatures(const Json& config,
                                            const ResolvedBackbone& backbone,
                                            const DataSlot& slot, bool plain) {
  const Json& model = config.at("model");
  const Json& augment = config.at("augment");
  const std::string& tag = TagOf(model);
  const int views = augment.at("views");
  std::vector<TaskInput> outputs;
  if (!plain && views == 0) return outputs;
  const Json pixels =
      PixelSettings(config.at("ingest"), SizeOf(config.at("ingest"), backbone));
  Json params = {{"backbone", stages::BackboneOf(model)},
                 {"weights", backbone.weights},
                 {"preprocessing", backbone.preprocessing},
                 {"cut", backbone.cut},
                 {"pooling", backbone.pooling},
                 {"precision", stages::PrecisionOf(tag)},
                 {"numerics", tag},
                 {"size", pixels.at("size")}};
  // The space also knows how pixels were made: rows of other pixels differ.
  const std::string space =
      DigestOfJson({params, pixels, VersionOf("ingest"), VersionOf("features")})
          .Hex()
          .substr(0, 32);
  params["augment"] = plain ? Json() : augment;
  params["seed"] = plain ? Json(0) : config.at("seed");
  params["views"] = Json::array();
  for (int view = plain ? 0 : 1; view <= (plain ? 0 : views); ++view)
    params["views"].push_back(view);
  const PlannedData& data = out_.data[slot.data];
  const std::string memo =
      CanonicalText({params, space, out_.graph[data.split].key.Hex(), plain});
  if (const auto it = features_.find(memo); it != features_.end())
    return it->second;
  const double area = AreaOf(config.at("ingest"), backbone);
  Json pass = params;  // What other cuts have, too.
  pass.erase("cut");
  pass.erase("pooling");
  std::size_t first = 0;
  for (const ImageRange& range : slot.ranges) {
    Json task_params = params;
    task_params["contents"] = range.contents;
    std::vector<TaskInput> inputs = {{"pixels", range.ingest, "pixels"}};
    if (!plain) inputs.push_back({"split", data.split, "split"});
    const double rows =
        static_cast<double>(range.contents.size()) *
        (plain ? 1.0
               : static_cast<double>(params["views"].size()) * slot.trained);
    TaskNode node = Costing(
        rows * TaskCosts::Pass(backbone.multiply_adds * area, tag), rows);
    node.space = space;
    node.numerics = tag;
    if (stages::SharesPasses(stages::PrecisionOf(tag)) &&
        stages::TorchScriptOf(model).empty()) {
      node.fusion =
          FusionOf({range.ingest, first, plain ? 0 : data.split, pass});
      node.one_pass = true;
    }
    const TaskId task = AddTask(
        "features",
        fmt::format("features {} images {}-{} {}", stages::BackboneTitle(model),
                    first, first + range.contents.size() - 1,
                    plain ? "view 0" : fmt::format("views 1-{}", views)),
        std::move(task_params), WeightsHints(backbone), std::move(inputs),
        std::move(node));
    outputs.push_back({plain ? "plain" : "views", task, "features"});
    first += range.contents.size();
  }
  features_.emplace(memo, outputs);
  return outputs;
}

/// Numerics, ranks and cost of a fit.
TaskNode Planner::NodeOfFit(const Json& config, const DataSlot& slot,
                            const ResolvedBackbone& backbone) const {
  const Json& model = config.at("model");
  const Json& ingest = config.at("ingest");
  const Json& train = config.at("train");
  const double epochs = train.at("epochs");
  const double images =
      static_cast<double>(out_.data[slot.data].scan.entries.size()) *
      slot.trained;
  TaskNode node =
      Costing(epochs * TaskCosts::HeadEpoch(
                           backbone.dimension, model.at("head"),
                           static_cast<double>(ingest.at("classes").size()),
                           images, train.value("batch_size", 8.0)),
              epochs);
  node.ranks = ShardsOf(config);
  if (!stages::IsUnfrozen(model)) return node;
  node.numerics = services_.training_numerics;
  // Forward, and back by maps and by weights.
  node.cost +=
      3 * epochs * images *
      TaskCosts::Pass(backbone.trained_multiply_adds * AreaOf(ingest, backbone),
                      node.numerics);
  return node;
}

PlannedFit Planner::AddFit(const Json& config, const Json& model,
                           const DataSlot& slot,
                           const std::vector<TaskInput>& plain,
                           const std::vector<TaskInput>& views,
                           const ResolvedBackbone& backbone, int repeat,
                           int fold) {
  const TaskId split = out_.data[slot.data].split;
  const Json& classes = config.at("ingest").at("classes");
  const Json train = TrainParams(config);
  PlannedFit fit{repeat, fold};
  std::vector<TaskInput> inputs = {{"split", split, "split"}};
  inputs.insert(inputs.end(), plain.begin(), plain.end());
  std::vector<TaskInput> evaluate_inputs = inputs;
  inputs.insert(inputs.end(), views.begin(), views.end());
  const std::string name = fmt::format(
      "{} head {} dropout {}", model.at("backbone").get<std::string>(),
      model.at("head").dump(), model.at("dropout").dump());
  Json params = {{"classes", classes},
                 {"model", model},
                 {"train", train},
                 {"repeat", repeat},
                 {"fold", fold}};
  TaskNode tune = NodeOfFit(config, slot, backbone);
  TaskNode score = Costing(TaskCosts::kEvaluate);
  score.numerics = tune.numerics;
  Json hints = Json::object();
  if (stages::IsUnfrozen(model)) {
    params["size"] = SizeOf(config.at("ingest"), backbone);
    params["numerics"] = tune.numerics;
    hints = WeightsHints(backbone);
  } else if (tune.ranks == 1) {
    tune.fusion = FusionOf(
        {split, plain.front().task, views.empty() ? 0 : views.front().task,
         classes, config.at("augment"), config.at("seed"), repeat, fold});
  }
  Json scored = params;
  scored["evaluate"] = EvaluateParams(config);
  params["augment"] = config.at("augment");
  params["seed"] = config.at("seed");
  // For whoever uses the model's file by itself.
  params["pixels"] =
      PixelSettings(config.at("ingest"), SizeOf(config.at("ingest"), backbone));
  // A batch is cut into so many shards, whoever computes them: this decides
  // the order of sums. One shard is what was there before there were several.
  if (tune.ranks > 1) params["shards"] = tune.ranks;
  fit.fine_tune = AddTask("fine_tune", "fine_tune " + name, std::move(params),
                          std::move(hints), std::move(inputs), std::move(tune));
  evaluate_inputs.push_back({"weights", fit.fine_tune, "weights"});
  evaluate_inputs.push_back({"history", fit.fine_tune, "history"});
  fit.evaluate =
      AddTask("evaluate", "evaluate " + name, std::move(scored), Json::object(),
              std::move(evaluate_inputs), std::move(score));
  return fit;
}

Status Planner::AddTrial(const TrialConfig& trial) {
  const Json& config = trial.config;
  // What the services read: weights are not opened for every head.
  const Json& of_model = config.at("model");
  const std::string model_key = CanonicalText(
      {of_model.at("backbone"), of_model.at("weights"), of_model.at("cut"),
       of_model.at("pooling"), stages::UnfrozenFrom(of_model),
       of_model.at("preprocessing")});
  auto backbone = backbones_.find(model_key);
  if (backbone == backbones_.end()) {
    BESOM_ASSIGN_OR_RETURN(ResolvedBackbone resolved,
                           services_.backbone(config.at("model")));
    backbone = backbones_.emplace(model_key, std::move(resolved)).first;
  }
  BESOM_ASSIGN_OR_RETURN(const DataSlot* slot,
                         DataOf(config, backbone->second));
  PlannedTrial planned;
  planned.config = config;
  if (of_model.at("backbone").is_object())  // Whatever becomes of the file.
    planned.config["model"]["backbone"]["sha256"] = backbone->second.weights;
  planned.parameters = trial.parameters;
  planned.id = TrialIdOf(trial.identity, backbone->second.weights,
                         out_.graph[out_.data[slot->data].split].key.Hex());
  const Json model = ModelParams(config.at("model"), backbone->second);
  const auto plain = AddFeatures(config, backbone->second, *slot, true);
  const auto views = AddFeatures(config, backbone->second, *slot, false);
  const Json& split = config.at("split");
  for (int repeat = 0; repeat < split.at("repeats").get<int>(); ++repeat)
    for (int fold = 0; fold < split.at("folds").get<int>(); ++fold)
      planned.fits.push_back(AddFit(config, model, *slot, plain, views,
                                    backbone->second, repeat, fold));
  out_.trials.push_back(std::move(planned));
  return Status::Ok();
}

/// Of tasks that come from one pass, each costs what it adds to the shallower
/// ones.
void ShareCosts(TaskGraph& graph) {
  std::map<int, std::vector<TaskId>> of_fusion;
  for (TaskId task = 0; task < graph.size(); ++task)
    if (graph[task].one_pass) of_fusion[graph[task].fusion].push_back(task);
  for (auto& [fusion, tasks] : of_fusion) {
    std::ranges::sort(tasks, {}, [&](TaskId task) { return graph[task].cost; });
    double known = 0;
    for (const TaskId task : tasks) {
      const double whole = graph[task].cost;
      graph.SetCost(task, whole - std::exchange(known, whole));
    }
  }
}

}  // namespace

Result<SweepGraph> PlanSweep(const std::vector<TrialConfig>& trials,
                             const PlannerServices& services) {
  SweepGraph out;
  if (!trials.empty()) out.name = trials[0].config.value("name", "");
  Planner planner(services, out);
  for (const TrialConfig& trial : trials)
    BESOM_RETURN_IF_ERROR(planner.AddTrial(trial));
  ShareCosts(out.graph);
  if (out.data.empty())
    return InvalidError("parameters", "the sweep holds no trial",
                        "loosen `constraints`, or add values");
  return out;
}

}  // namespace besom::run
