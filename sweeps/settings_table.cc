#include <fmt/format.h>

#include "sweeps/schema.h"

namespace besom::sweeps {
namespace {

/// Text that may stand in a cell of a Markdown table.
std::string Cell(const std::string& text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

std::string DefaultText(const Key& key) {
  if (!key.fallback.has_value()) return "required";
  const Json& value = *key.fallback;
  if (value.is_string()) {
    const std::string text = value.get<std::string>();
    return text.empty() ? "empty" : fmt::format("`{}`", text);
  }
  return fmt::format("`{}`", value.dump());
}

std::string Row(const Key& key) {
  std::string doc = key.doc;
  if (!key.formats.empty())
    doc += fmt::format(" ({})", fmt::join(key.formats, ", "));
  return fmt::format("| `{}` | {} | {} | {} | {} |\n", key.path,
                     Cell(DescribeForms(key.forms)), Cell(DefaultText(key)),
                     Cell(key.unit), Cell(doc));
}

}  // namespace

std::string SettingsTable(const Schema& schema) {
  std::string table =
      "| key | values | default | unit | what it does |\n"
      "|---|---|---|---|---|\n";
  for (const Key& key : schema.keys()) table += Row(key);
  return table;
}

}  // namespace besom::sweeps
