#include "sweeps/plan.h"

namespace besom::sweeps {
namespace {

/// Removes what does not make another trial: what looks at the data only, and
/// defaults of keys that there were not always.
void Forget(Json& evaluate) {
  evaluate.erase("audit");
  if (evaluate.contains("costs") && evaluate["costs"].empty())
    evaluate.erase("costs");
  if (evaluate.contains("threshold") && evaluate["threshold"]["target"] == "")
    evaluate.erase("threshold");
}

/// Removes the folders and files that a list of sources names, and what the
/// split's key knows by the images.
void ForgetPaths(Json& sources) {
  for (Json& source : sources) {
    source.erase("path");
    source.erase("table");
    source.erase("marker");
  }
}

}  // namespace

Json IdentityOf(const Json& config) {
  Json identity = Json::object();
  for (const char* key :
       {"seed", "ingest", "split", "augment", "model", "train", "evaluate"})
    if (config.contains(key)) identity[key] = config[key];
  if (identity.contains("ingest") && identity["ingest"].contains("sources"))
    ForgetPaths(identity["ingest"]["sources"]);
  if (identity.contains("evaluate")) {
    Json& evaluate = identity["evaluate"];
    if (evaluate.contains("external")) ForgetPaths(evaluate["external"]);
    Forget(evaluate);
  }
  if (identity.contains("split")) identity["split"].erase("file");
  if (identity.contains("model") && identity["model"].contains("weights")) {
    const Json& weights = identity["model"]["weights"];
    if (weights != "imagenet" && weights != "random")
      identity["model"]["weights"] = nullptr;
  }
  // The planner adds the file's digest as that of weights.
  if (identity.contains("model") && identity["model"].contains("backbone") &&
      identity["model"]["backbone"].is_object())
    identity["model"]["backbone"]["torchscript"] = nullptr;
  // Decides the order of sums; one rank is what there was before several.
  if (config.contains("resources") &&
      config["resources"].value("ranks_per_trial", 1) > 1)
    identity["ranks_per_trial"] = config["resources"]["ranks_per_trial"];
  return identity;
}

}  // namespace besom::sweeps
