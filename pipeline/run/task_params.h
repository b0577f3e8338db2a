#pragma once

#include <string>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "pipeline/run/planner.h"

namespace besom::run {

// What of a trial's resolved configuration decides its tasks. `ingest` is that
// section; all are pure.

/// The settings that decide the pixels of a shard.
Json PixelSettings(const Json& ingest, int size);

/// Side of the images that the network gets, pixels.
int SizeOf(const Json& ingest, const ResolvedBackbone& backbone);

/// The same of a trial's whole configuration.
Result<int> ImageSizeOf(const Json& config);

/// How many times the area of the images that its weights were trained at.
double AreaOf(const Json& ingest, const ResolvedBackbone& backbone);

/// What names a trial: `identity` as sweeps::IdentityOf, the digest of its
/// base's weights, and the key of its split, hex. 16 hexadecimal digits.
std::string TrialIdOf(const Json& identity, const std::string& weights,
                      const std::string& split_key);

/// Ranks that train one trial together.
int ShardsOf(const Json& config);

/// What the training settings are for a fit: those of unfrozen bases are not
/// read where the base is frozen, and so are in no key.
Json TrainParams(const Json& config);

/// What the evaluate stage reads of `evaluate`: external sets are in the split
/// table, and "threshold" is null or {text, metric, class, least}. REQUIRES: a
/// checked spec's.
Json EvaluateParams(const Json& config);

}  // namespace besom::run
