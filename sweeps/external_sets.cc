#include "sweeps/external_sets.h"

#include <fmt/format.h>

#include "pipeline/base/check.h"
#include "sweeps/consistency.h"
#include "sweeps/diagnostics.h"
#include "sweeps/schema.h"
#include "sweeps/section_reader.h"
#include "sweeps/source_rules.h"
#include "sweeps/variables.h"
#include "sweeps/yaml_reader.h"

namespace besom::sweeps {
namespace {

constexpr const char* kList = "evaluate.external";

/// The sets as a list, where one may stand alone.
Result<YamlNode> ReadList(std::string_view text, const std::string& origin,
                          bool is_file) {
  BESOM_ASSIGN_OR_RETURN(YamlNode node, is_file ? ReadYaml(text, origin)
                                                : ReadYamlValue(text, origin));
  if (node.is_list() && !node.items.empty()) return node;
  if (!node.is_map())
    return InvalidError(origin,
                        "a set is a map of keys, not " + node.Describe(),
                        "e.g. {name: ward, format: image_folder, path: DIR}");
  YamlNode list;
  list.kind = YamlNode::Kind::kList;
  list.place = node.place;
  list.items.push_back(std::move(node));
  return list;
}

/// Whether a conflict is about one of the elements from `first` on.
bool IsOfNew(const Conflict& conflict, std::size_t first, std::size_t end) {
  for (const std::string& path : conflict.paths)
    for (std::size_t i = first; i < end; ++i)
      if (Overlap(path, fmt::format("{}.{}", kList, i))) return true;
  return false;
}

}  // namespace

Result<Json> ReadExternalSets(std::string_view text, const std::string& origin,
                              bool is_file, const Path& folder,
                              const Json& config,
                              const Environment& environment) {
  BESOM_ASSIGN_OR_RETURN(YamlNode list, ReadList(text, origin, is_file));
  Findings findings;
  ExpandVariables(list, environment, findings);
  BESOM_RETURN_IF_ERROR(findings.ToStatus());
  SectionReader reader(SweepSchema(), folder, findings);
  const std::optional<Json> read = reader.ReadPath(kList, list);
  BESOM_RETURN_IF_ERROR(findings.ToStatus());
  BESOM_CHECK(read.has_value(), "what cannot be read is a finding");
  Json sets = *read;
  FillPatients(sets);
  Json document = config;
  Json& external = document["evaluate"]["external"];
  const std::size_t first = external.size();
  for (const Json& set : sets) external.push_back(set);
  std::vector<Conflict> conflicts;
  CheckSources(document, conflicts);
  for (Conflict& conflict : CheckFiles(document, environment))
    conflicts.push_back(std::move(conflict));
  for (const Conflict& conflict : conflicts)
    if (IsOfNew(conflict, first, external.size()))
      findings.Add(list.items.front().place, conflict.cause, conflict.cure);
  BESOM_RETURN_IF_ERROR(findings.ToStatus());
  return sets;
}

}  // namespace besom::sweeps
