#include "stages/audit/audit_stage.h"

#include <utility>

#include "stages/audit/probe_features.h"
#include "stages/audit/probe_figures.h"
#include "stages/audit/probe_fit.h"

namespace besom::stages {
namespace {

Result<StageOutput> RunAudit(const StageInput& input) {
  const auto split = input.artifacts.find("split");
  const auto pixels = input.artifacts.find("pixels");
  if (split == input.artifacts.end() || split->second.size() != 1 ||
      pixels == input.artifacts.end())
    return InternalError("audit", "it reads one split and the pixels");
  BESOM_ASSIGN_OR_RETURN(const Json json,
                         ParseJson(split->second.front().text(), "split"));
  BESOM_ASSIGN_OR_RETURN(const SplitTable table, SplitTable::FromJson(json));
  BESOM_ASSIGN_OR_RETURN(const DecodedImages decoded,
                         DecodedImages::Open(pixels->second));
  const std::uint64_t seed = input.params.at("seed");
  const AuditSet set = ChooseAuditSet(table, decoded, seed);
  BESOM_ASSIGN_OR_RETURN(
      const Audit audit,
      ComputeAudit(set, decoded, seed, input.hints.value("threads", 1),
                   input.progress));
  StageOutput output;
  output.blobs["audit"] = CanonicalText(audit.ToJson());
  output.counters = {{"images", audit.images.size()}};
  return output;
}

}  // namespace

Result<Audit> ComputeAudit(const AuditSet& set, const DecodedImages& decoded,
                           std::uint64_t seed, int threads,
                           const std::function<bool(double)>& progress) {
  Audit audit;
  audit.classes = set.classes;
  audit.folds = set.folds;
  if (set.folds == 0) return audit;
  for (const AuditMember& member : set.members)
    audit.images.push_back({member.entry->source, member.entry->path,
                            member.label, member.group, member.fold});
  std::vector<ProbeFeatures> seen;
  for (ProbeFeatures& features : ProbesOf(set, decoded)) {
    audit.probes.push_back(
        {features.name, features.may_alarm, features.Varies(), {}, {}});
    if (audit.probes.back().varies) seen.push_back(std::move(features));
  }
  BESOM_ASSIGN_OR_RETURN(auto probabilities,
                         OutOfFold(set, seen, seed, threads, progress));
  std::size_t next = 0;
  for (AuditProbe& probe : audit.probes) {
    if (!probe.varies) {
      probe.figures = FiguresOfNothing(set, kMostPairedClasses);
      continue;
    }
    probe.probabilities = std::move(probabilities[next++]);
    probe.figures = FiguresOf(set, probe.probabilities, kMostPairedClasses);
  }
  BoundTogether(set, audit.probes);
  return audit;
}

Result<StageOutput> AuditStage::Run(const StageInput& input) {
  try {
    return RunAudit(input);
  } catch (const Json::exception& error) {
    return InternalError("audit", error.what());
  }
}

}  // namespace besom::stages
