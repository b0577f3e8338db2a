#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "sweeps/plan.h"
#include "sweeps/spec.h"

namespace besom::sweeps::testing {

/// The smallest valid sweep: 6 lines; what a test adds begins in line 7.
inline const std::string kBase =
    "name: t\n"
    "ingest:\n"
    "  classes: [covid, normal]\n"
    "  sources:\n"
    "    - {name: p, format: phantom, labels: {clear: normal, hazy: covid, "
    "consolidation: null}}\n"
    "metric: {name: recall/covid}\n";

/// A world without disk: the named folders and files exist.
struct World {
  std::map<std::string, std::string> variables;
  std::set<std::string> folders;
  std::set<std::string> files;

  Environment environment() const {
    Environment environment;
    environment.variable =
        [this](const std::string& name) -> std::optional<std::string> {
      const auto it = variables.find(name);
      if (it == variables.end()) return std::nullopt;
      return it->second;
    };
    environment.kind = [this](const Path& path) {
      if (folders.contains(path.string())) return PathKind::kFolder;
      return files.contains(path.string()) ? PathKind::kFile
                                           : PathKind::kMissing;
    };
    return environment;
  }
};

inline Result<SweepSpec> Parse(const std::string& text,
                               const std::vector<std::string>& overrides = {},
                               const World& world = {}) {
  return ParseSweep(text, "/s/t.yaml", overrides, world.environment());
}

/// kBase with `old_text` replaced.
inline std::string BaseWith(const std::string& old_text,
                            const std::string& new_text) {
  std::string text = kBase;
  const std::size_t at = text.find(old_text);
  BESOM_CHECK(at != std::string::npos, old_text);
  return text.replace(at, old_text.size(), new_text);
}

/// "" when it parses and expands, else the error's text.
inline std::string ErrorOf(const std::string& text,
                           const std::vector<std::string>& overrides = {},
                           const World& world = {}) {
  const auto spec = Parse(text, overrides, world);
  if (!spec.ok()) return spec.status().ToString();
  const auto plan = ExpandTrials(*spec);
  return plan.ok() ? "" : plan.status().ToString();
}

}  // namespace besom::sweeps::testing
