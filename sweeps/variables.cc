#include "sweeps/variables.h"

#include <fmt/format.h>

namespace besom::sweeps {
namespace {

bool IsVariableName(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && c != '_' && !(c >= '0' && c <= '9')) return false;
  }
  return true;
}

/// The value of what stands between the braces; findings on failure.
std::string ValueOf(std::string_view inside, const Place& place,
                    const Environment& environment, Findings& findings) {
  const std::size_t colon = inside.find(":-");
  const std::string name(inside.substr(0, colon));
  const bool has_default = colon != std::string_view::npos;
  const std::string fallback(has_default ? inside.substr(colon + 2) : "");
  if (!IsVariableName(name) || fallback.find("${") != std::string::npos) {
    findings.Add(place, fmt::format("`${{{}}}` is not a variable", inside),
                 "write ${NAME} or ${NAME:-default}; `$${` for a literal `${`");
    return "";
  }
  const std::optional<std::string> value = environment.variable(name);
  if (has_default)
    return value.has_value() && !value->empty() ? *value : fallback;
  if (value.has_value()) return *value;
  findings.Add(
      place, fmt::format("the variable {} is not set", name),
      fmt::format("export {}=..., or write ${{{}:-default}}", name, name));
  return "";
}

std::string Expand(const std::string& text, const Place& place,
                   const Environment& environment, Findings& findings) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    const std::size_t start = text.find("${", at);
    if (start == std::string::npos) return out + text.substr(at);
    if (start > at && text[start - 1] == '$') {
      out += text.substr(at, start - at - 1) + "${";
      at = start + 2;
      continue;
    }
    const std::size_t end = text.find('}', start);
    if (end == std::string::npos) {
      findings.Add(place, "`${` without `}`", "write ${NAME}");
      return out;
    }
    out += text.substr(at, start - at);
    out += ValueOf(std::string_view(text).substr(start + 2, end - start - 2),
                   place, environment, findings);
    at = end + 1;
  }
}

}  // namespace

void ExpandVariables(YamlNode& node, const Environment& environment,
                     Findings& findings) {
  if (node.is_scalar() && node.text.find("${") != std::string::npos)
    node.text = Expand(node.text, node.place, environment, findings);
  for (YamlNode& item : node.items)
    ExpandVariables(item, environment, findings);
  for (auto& [key, value] : node.entries)
    ExpandVariables(value, environment, findings);
}

}  // namespace besom::sweeps
