#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "stages/model/weights_store.h"

namespace besom::stages {

// A base that is no backbone of the catalog: `model.backbone: {torchscript:
// FILE}`, a network and its weights in one file. Nothing is known of its
// layers, so it is frozen and has no blocks. Its file is a program: only
// LibTorch's interpreter runs it (torch_script_engine.h), and nothing here
// does.

/// What action keys and engines call every such base; the digest of its file
/// stands where those of other bases have that of their weights.
inline constexpr std::string_view kTorchScript = "torchscript";

/// FILE of a `model` section; empty where it names a backbone of the catalog.
Path TorchScriptOf(const Json& model);

/// The backbone's name in the catalog, or kTorchScript.
std::string BackboneOf(const Json& model);

/// The same for tables: a file's name without its folder.
std::string BackboneTitle(const Json& model);

/// Its digest, and ImageNet's mean and deviation as preprocessing: the file
/// tells none. Looks at the archive's directory only. kInvalid for what is no
/// whole archive of TorchScript.
Result<WeightsInfo> ResolveTorchScript(
    const Path& file, const DigestFunction& digest = DigestOfFile);

/// Multiply-adds of an image of `size` pixels a side as they are foreseen, for
/// plans: ResNet-50's. What a network really does is seen when it has run.
std::int64_t ForeseenMultiplyAdds(int size);

}  // namespace besom::stages
