#pragma once

#include <memory>
#include <string>
#include <vector>

#include "stages/audit/audit.h"
#include "stages/audit/audit_images.h"
#include "stages/data/split_table.h"

namespace besom::stages::testing {

/// Phantoms, drawn, resized and split as a sweep would do, in memory.
struct PhantomData {
  SplitTable table;
  DecodedImages decoded;
  std::vector<Artifact> shards;
};

/// `sources`: a list of `phantom` sources; `classes` as in ingest; pixels a
/// side of the network's input.
PhantomData MakePhantoms(const Json& sources,
                         const std::vector<std::string>& classes, int size,
                         std::uint64_t seed);

/// The audit of such data.
Audit AuditOf(const PhantomData& data, std::uint64_t seed, int threads = 1);

/// The figures that would alarm whatever the model: "ring clear/hazy".
std::vector<std::string> AboveChance(const Audit& audit);

/// The figure of a probe for a pair of classes, or of all ("").
const AuditFigure& FigureOf(const Audit& audit, const std::string& probe,
                            const std::string& a = "",
                            const std::string& b = "");

}  // namespace besom::stages::testing
