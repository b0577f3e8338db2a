#include "pipeline/cli/export/model_facts.h"

#include <fmt/format.h>

#include "stages/model/torch_script.h"

namespace besom::cli {
namespace {

/// Of what model.json holds and how.
constexpr int kFormatVersion = 1;

/// A name of weights, or a file's without its folder.
std::string NameOf(const stages::WeightsInfo& weights) {
  return Path(weights.weights).filename().string();
}

Json BaseOf(const TrainedTrial& trial) {
  const Json& model = trial.config().at("model");
  Json base = {{"backbone", stages::BackboneTitle(model)},
               {"weights", NameOf(trial.weights)},
               {"weights_sha256", trial.weights.digest},
               {"cut", model.at("cut")},
               {"pooling", model.at("pooling")},
               {"unfreeze", model.value("unfreeze", "none")}};
  if (!trial.weights.entry.empty()) base["entry"] = trial.weights.entry;
  if (!trial.weights.source.empty()) base["source"] = trial.weights.source;
  if (!trial.weights.license.empty()) base["license"] = trial.weights.license;
  const auto backbone = stages::DescribeBackbone(stages::BackboneOf(model));
  base["names"] = backbone.ok() ? backbone->parameter_names : "its own";
  return base;
}

Json InputOf(const TrainedTrial& trial) {
  const Json& ingest = trial.config().at("ingest");
  // What a JPEG's sides must stay when it is decoded smaller than it is.
  const bool pad = ingest.at("resize") == "pad";
  return {{"name", "image"},
          {"dtype", "uint8"},
          {"shape", {"images", 3, trial.size, trial.size}},
          {"channels", "rgb"},
          {"size", trial.size},
          {"resize", ingest.at("resize")},
          {"interpolation", ingest.at("interpolation")},
          {"antialias", true},
          {"jpeg_draft", {{pad ? "longer" : "shorter", 2 * trial.size}}},
          {"bit_depth_range", ingest.at("bit_depth_range")}};
}

Result<Json> FitsOf(const TrainedTrial& trial, db::Reader& reader) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT repeat, fold, chosen_epoch FROM fits WHERE sweep = "
                   "? AND trial = ? ORDER BY repeat, fold",
                   {trial.record.sweep, trial.record.trial}));
  Json fits = Json::array();
  for (std::size_t i = 0; i < rows.rows.size(); ++i)
    fits.push_back({{"repeat", db::IntegerOf(rows.rows[i][0])},
                    {"fold", db::IntegerOf(rows.rows[i][1])},
                    {"chosen_epoch", db::IntegerOf(rows.rows[i][2])},
                    {"weights_sha256", trial.record.heads[i].digest}});
  return fits;
}

Json NumberOrNull(const db::Cell& cell) {
  return db::IsNull(cell) ? Json() : Json(db::NumberOf(cell));
}

std::string CombinedOf(const TrainedTrial& trial) {
  if (trial.refit) return "one network trained anew on all images of the fits";
  return trial.heads.size() > 1 ? "mean probability of the fits" : "one fit";
}

Json RefitOf(const Refit& refit) {
  return {{"epochs", refit.epochs},
          {"images", refit.images},
          {"weights_sha256", refit.weights},
          {"metrics", "none of its own: `metrics` are of the fits"}};
}

/// {set: {metric: {value, low, high, method, n_groups}}}: of the only fit, or
/// over all.
Result<Json> FiguresOf(const TrainedTrial& trial, db::Reader& reader) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query(
          fmt::format(
              "SELECT split, name || coalesce('/' || class, ''), "
              "value, low, high, method, n_groups FROM metrics WHERE rule = "
              "'largest' AND sweep = ? "
              "AND trial = ? AND epoch IS NULL AND coalesce(repeat, "
              "-1) = {0} AND coalesce(fold, -1) = {0}",
              trial.record.heads.size() > 1 ? -1 : 0),
          {trial.record.sweep, trial.record.trial}));
  Json figures = Json::object();
  for (const auto& row : rows.rows) {
    Json figure = {{"value", NumberOrNull(row[2])}};
    if (!db::IsNull(row[3])) {
      figure["low"] = NumberOrNull(row[3]);
      figure["high"] = NumberOrNull(row[4]);
      figure["method"] = db::TextOf(row[5]);
      figure["n_groups"] = db::IntegerOf(row[6]);
    }
    figures[db::TextOf(row[0])][db::TextOf(row[1])] = std::move(figure);
  }
  return figures;
}

}  // namespace

Result<Json> ModelFacts(const TrainedTrial& trial, db::Reader& reader) {
  Json facts = {
      {"format", "besom model"},
      {"version", kFormatVersion},
      {"sweep", trial.record.sweep},
      {"trial", trial.record.trial},
      {"classes", trial.classes()},
      {"base", BaseOf(trial)},
      {"head",
       {{"hidden", trial.config().at("model").at("head")},
        {"activation", "relu"}}},
      {"input", InputOf(trial)},
      {"preprocessing", trial.preprocessing.ToJson()},
      {"outputs", {"logits", "probabilities"}},
      {"combined", CombinedOf(trial)},
      {"precision", {{"features", trial.Precision()}, {"file", "fp32"}}},
      {"positive", trial.config().at("evaluate").at("positive")},
      {"use", "education and research; not for diagnosis"}};
  if (trial.refit) facts["refit"] = RefitOf(*trial.refit);
  BESOM_ASSIGN_OR_RETURN(facts["fits"], FitsOf(trial, reader));
  BESOM_ASSIGN_OR_RETURN(facts["metrics"], FiguresOf(trial, reader));
  return facts;
}

}  // namespace besom::cli
