#include "sweeps/plan.h"

namespace besom::sweeps {
namespace {

/// What a trial was without these keys, it is with their defaults.
void ForgetDefaults(Json& evaluate) {
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
  if (identity.contains("evaluate") &&
      identity["evaluate"].contains("external"))
    ForgetPaths(identity["evaluate"]["external"]);
  if (identity.contains("evaluate")) ForgetDefaults(identity["evaluate"]);
  // Looks at the data only.
  if (identity.contains("evaluate")) identity["evaluate"].erase("audit");
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
