#include "pipeline/cli/predict_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <optional>

#include "cluster/cpu.h"
#include "db/trial_model.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/run/sweep_numerics.h"
#include "pipeline/store/blob_store.h"
#include "stages/data/decode.h"
#include "stages/metric/prediction_table.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/numerics_tag.h"
#include "stages/model/predict/predictor.h"
#include "stages/model/torch_script.h"
#include "stages/model/weights_store.h"

namespace besom::cli {
namespace {

/// The images of one PATH argument.
struct ImageList {
  std::string title;
  std::vector<Path> files;
  std::vector<std::optional<int>> actual;  // Parallel to files.
};

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// Folder names that mean a class: the classes' own names, in any case, and
/// what the sources' `labels` map to them.
std::map<std::string, int> LabelFolders(const Json& config) {
  const std::vector<std::string> classes = config.at("ingest").at("classes");
  std::map<std::string, int> labels;
  const auto index = [&](const std::string& name) {
    return static_cast<int>(std::find(classes.begin(), classes.end(), name) -
                            classes.begin());
  };
  for (const Json& source : config.at("ingest").at("sources"))
    if (source.contains("labels") && source.at("labels").is_object())
      for (const auto& [folder, label] : source.at("labels").items())
        if (label.is_string() &&
            index(label) < static_cast<int>(classes.size()))
          labels[LowerCase(folder)] = index(label);
  for (const std::string& name : classes) labels[LowerCase(name)] = index(name);
  return labels;
}

Result<ImageList> ListImages(const std::string& argument,
                             const std::map<std::string, int>& labels) {
  ImageList list{argument, {}, {}};
  std::error_code error;
  if (std::filesystem::is_regular_file(argument, error)) {
    list.files.push_back(argument);
    list.actual.emplace_back();
    return list;
  }
  if (!std::filesystem::is_directory(argument, error))
    return InvalidError(argument, "is neither a file nor a folder",
                        "pass image files, or folders of them");
  std::filesystem::recursive_directory_iterator it(argument, error), end;
  for (; !error && it != end; it.increment(error))
    if (it->is_regular_file() &&
        stages::HasImageExtension(it->path().filename().string()))
      list.files.push_back(it->path());
  if (error) return IoError(argument, error.message());
  if (list.files.empty())
    return InvalidError(argument, "holds no image that besom reads");
  std::sort(list.files.begin(), list.files.end());
  for (const Path& file : list.files) {
    const Path relative = file.lexically_relative(argument);
    const auto label = relative.has_parent_path()
                           ? labels.find(LowerCase(relative.begin()->string()))
                           : labels.end();
    list.actual.push_back(label == labels.end() ? std::nullopt
                                                : std::optional(label->second));
  }
  return list;
}

/// Everything about the trial but which images.
struct Model {
  db::TrialModel trial;
  stages::PredictorSettings settings;  ///< Without a head.
  std::vector<std::string> heads;      ///< One per fit.
  std::vector<std::string> classes;
};

/// The engine that computed the trial's features; of those of a GPU, the one
/// that is preferred here.
std::string EngineFor(const db::TrialModel& trial) {
  const Json& model = trial.config.at("model");
  if (!stages::TorchScriptOf(model).empty()) return "libtorch";
  const std::string precision = model.at("precision");
  const auto numerics = run::SweepNumerics::FromText(trial.numerics);
  const auto tag = numerics.tags().find(precision);
  if (tag == numerics.tags().end() ||
      stages::DeviceKindOf(tag->second) != "cpu")
    return std::string(stages::EngineOf(stages::NumericsTag("fp32")));
  return std::string(stages::EngineOf(tag->second));
}

/// What the trial's base is made from; of a TorchScript file the digest that it
/// had then, which the predictor holds it to.
Result<stages::WeightsInfo> WeightsOf(const Json& section) {
  const Path script = stages::TorchScriptOf(section);
  if (script.empty())
    return stages::ResolveWeights(section.at("backbone"),
                                  section.at("weights"));
  BESOM_ASSIGN_OR_RETURN(stages::WeightsInfo info,
                         stages::ResolveTorchScript(script));
  info.digest = section.at("backbone").at("sha256");
  return info;
}

Result<int> SizeOf(const Json& config) {
  const Json& size = config.at("ingest").at("image_size");
  if (size.is_number()) return size.get<int>();
  BESOM_ASSIGN_OR_RETURN(
      const stages::Backbone backbone,
      stages::DescribeBackbone(stages::BackboneOf(config.at("model"))));
  return backbone.input_size;
}

Result<Model> LoadModel(const PredictArguments& arguments) {
  const WorkspaceLayout layout(arguments.workspace);
  Model model;
  BESOM_ASSIGN_OR_RETURN(
      model.trial,
      db::FindTrialModel(layout.database(), arguments.sweep, arguments.trial));
  const Json& config = model.trial.config;
  const Json& section = config.at("model");
  BESOM_ASSIGN_OR_RETURN(const stages::WeightsInfo weights, WeightsOf(section));
  BESOM_ASSIGN_OR_RETURN(
      const stages::Preprocessing preprocessing,
      stages::ResolvePreprocessing(section.at("preprocessing"),
                                   weights.preprocessing));
  const Json& ingest = config.at("ingest");
  model.classes = ingest.at("classes").get<std::vector<std::string>>();
  model.settings.model = section;
  model.settings.model["preprocessing"] = preprocessing.ToJson();
  model.settings.ingest = ingest;
  BESOM_ASSIGN_OR_RETURN(model.settings.size, SizeOf(config));
  model.settings.weights = weights.digest;
  model.settings.weights_path = weights.path;
  model.settings.engine = EngineFor(model.trial);
  model.settings.threads = cluster::UsableCores();
  BlobStore blobs(layout);
  for (const db::BlobRow& head : model.trial.heads) {
    BESOM_ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(head.digest));
    const Result<Artifact> blob = blobs.Get({digest, head.size});
    if (blob.status().code() == StatusCode::kNotFound)
      return db::NoModelError(model.trial.trial);
    if (!blob.ok()) return blob.status();
    model.heads.emplace_back(blob->text());
  }
  return model;
}

/// Mean probability of the fits.
Result<std::vector<stages::ImagePrediction>> PredictAll(Model& model,
                                                        const ImageList& list) {
  std::vector<stages::ImagePrediction> sum;
  for (const std::string& head : model.heads) {
    model.settings.head = head;
    BESOM_ASSIGN_OR_RETURN(std::vector<stages::ImagePrediction> images,
                           stages::Predict(model.settings, list.files,
                                           [](double) { return false; }));
    if (sum.empty()) {
      sum = std::move(images);
      continue;
    }
    for (std::size_t i = 0; i < sum.size(); ++i)
      for (std::size_t c = 0; c < sum[i].probabilities.size(); ++c)
        sum[i].probabilities[c] += images[i].probabilities[c];
  }
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i].actual = list.actual[i];
    for (double& p : sum[i].probabilities)
      p /= static_cast<double>(model.heads.size());
  }
  return sum;
}

Status PredictAndPrint(const PredictArguments& arguments) {
  BESOM_ASSIGN_OR_RETURN(Model model, LoadModel(arguments));
  const auto labels = LabelFolders(model.trial.config);
  std::vector<ImageList> lists;
  for (const std::string& path : arguments.paths) {
    BESOM_ASSIGN_OR_RETURN(ImageList list, ListImages(path, labels));
    lists.push_back(std::move(list));
  }
  std::vector<stages::ImagePrediction> all;
  for (const ImageList& list : lists) {
    BESOM_ASSIGN_OR_RETURN(std::vector<stages::ImagePrediction> images,
                           PredictAll(model, list));
    if (arguments.csv)
      all.insert(all.end(), images.begin(), images.end());
    else
      fmt::print("{}",
                 stages::PredictionTable(list.title, model.classes, images));
  }
  if (arguments.csv)
    fmt::print("{}", stages::PredictionCsv(model.classes, all));
  return Status::Ok();
}

}  // namespace

int RunPredict(const PredictArguments& arguments) {
  return ReportStatus(PredictAndPrint(arguments));
}

}  // namespace besom::cli
