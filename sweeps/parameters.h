#pragma once

#include "sweeps/axis.h"
#include "sweeps/section_reader.h"
#include "sweeps/spec.h"
#include "sweeps/yaml_reader.h"

namespace besom::sweeps {

/// Reads `parameters` into spec.axes, or spec.listed for method `list`. Uses
/// spec.method; `node` may be null (no axes).
void ReadParameters(const YamlNode* node, const Schema& schema,
                    SectionReader& reader, SweepSpec& spec, Findings& findings);

/// Reads the distribution of one axis: a plain value, a list, {values},
/// {value}, {distribution, ...} or {min, max}. False after a finding.
bool ReadAxis(const YamlNode& node, const Key* key, SectionReader& reader,
              Axis& axis, Findings& findings);

/// Full paths that a key of `parameters` may stand for: those of
/// Schema::Resolve that an axis may vary.
std::vector<std::string> ResolveAxisPath(const Schema& schema,
                                         const std::string& name);

/// The same for a word of an expression: keys only, no sections.
std::vector<std::string> ResolveKeyPath(const Schema& schema,
                                        const std::string& name);

}  // namespace besom::sweeps
