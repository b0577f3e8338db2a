#include "pipeline/store/action_key.h"

namespace besom {

Digest ActionKey(const ActionInputs& action) {
  Json inputs = Json::array();
  for (const auto& [port, key] : action.inputs)
    inputs.push_back({port, key.Hex()});
  return DigestOfJson({{"key_version", kActionKeyVersion},
                       {"stage", action.stage},
                       {"stage_version", action.stage_version},
                       {"params", action.params},
                       {"inputs", std::move(inputs)}});
}

}  // namespace besom
