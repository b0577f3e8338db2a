#include "tests/stages/audit/phantom_data.h"

#include <algorithm>

#include "stages/audit/audit_stage.h"
#include "stages/data/ingest_stage.h"
#include "stages/data/phantom.h"
#include "stages/data/split_stage.h"

namespace besom::stages::testing {
namespace {

SourceScan ScanOf(const Json& sources,
                  const std::vector<std::string>& classes) {
  SourceScan scan;
  scan.classes = classes;
  for (const Json& source : sources) {
    const std::vector<ScanEntry> entries = ScanPhantom(source, classes).value();
    scan.entries.insert(scan.entries.end(), entries.begin(), entries.end());
  }
  return scan;
}

/// A shard of all images.
Artifact PixelsOf(const SourceScan& scan, int size) {
  Json params = {{"size", size},
                 {"resize", "stretch"},
                 {"interpolation", "bilinear"},
                 {"bit_depth_range", "full"},
                 {"files", Json::array()}};
  Json hints = {{"paths", Json::array()}, {"threads", 1}};
  for (const ScanEntry& entry : scan.entries) {
    params["files"].push_back({{"name", entry.path},
                               {"content", entry.content.Hex()},
                               {"generator", entry.generator}});
    hints["paths"].push_back("");
  }
  const StageInput input{params, hints, {}, {}};
  return Artifact::FromBytes(
      IngestStage(RenderPhantom).Run(input)->blobs.at("pixels"));
}

}  // namespace

PhantomData MakePhantoms(const Json& sources,
                         const std::vector<std::string>& classes, int size,
                         std::uint64_t seed) {
  PhantomData data;
  const SourceScan scan = ScanOf(sources, classes);
  data.shards = {PixelsOf(scan, size)};
  DecodingOutcomes outcomes;
  const PixelShard shard = PixelShard::Open(data.shards[0]).value();
  for (const PixelRecord& record : shard.records())
    outcomes[record.content] = {record.error, record.pixels};
  SplitOptions options;
  options.seed = seed;
  data.table = ComputeSplit(scan, classes, outcomes, options).value();
  data.decoded = DecodedImages::Open(data.shards).value();
  return data;
}

Audit AuditOf(const PhantomData& data, std::uint64_t seed, int threads) {
  const AuditSet set = ChooseAuditSet(data.table, data.decoded, seed);
  return ComputeAudit(set, data.decoded, seed, threads, {}).value();
}

std::vector<std::string> AboveChance(const Audit& audit) {
  std::vector<std::string> above;
  for (const AuditProbe& probe : audit.probes)
    for (const AuditFigure& figure : probe.figures) {
      if (!figure.bound || *figure.bound <= figure.chance) continue;
      above.push_back(probe.name + " " +
                      (figure.pair ? audit.classes[figure.pair->first] + "/" +
                                         audit.classes[figure.pair->second]
                                   : "all"));
    }
  return above;
}

const AuditFigure& FigureOf(const Audit& audit, const std::string& probe,
                            const std::string& a, const std::string& b) {
  const auto index = [&](const std::string& name) {
    return static_cast<int>(std::ranges::find(audit.classes, name) -
                            audit.classes.begin());
  };
  for (const AuditProbe& known : audit.probes)
    for (const AuditFigure& figure : known.figures)
      if (known.name == probe &&
          (a.empty() ? !figure.pair
                     : figure.pair == std::pair(index(a), index(b))))
        return figure;
  static const AuditFigure kNone;
  return kNone;
}

}  // namespace besom::stages::testing
