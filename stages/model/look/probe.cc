#include "stages/model/look/probe.h"

#include <vector>

#include "stages/model/export/script_target.h"
#include "stages/model/look/watched_layer.h"

namespace besom::stages {

Result<std::unique_ptr<NetworkProbe>> ProbeOf(const ExportedModel& model,
                                              int threads) {
  ScriptTarget target;
  BESOM_ASSIGN_OR_RETURN(const std::vector<FitValues> fits,
                         BuildFits(model, WatchedLayer(model), target));
  target.FinishWatched(fits);
  BESOM_ASSIGN_OR_RETURN(const TensorList tensors, TensorsOf(model));
  return MakeNetworkProbe({.source = target.source(),
                           .tensors = tensors.tensors(),
                           .base = model.script,
                           .classes = model.classes(),
                           .files = {}},
                          model.size, threads);
}

}  // namespace besom::stages
