#include "pipeline/base/json.h"

#include <fmt/format.h>

namespace besom {

std::string CanonicalText(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Digest DigestOfJson(const Json& value) {
  return DigestOf(CanonicalText(value));
}

Result<Json> ParseJson(std::string_view text, std::string_view place) {
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded())
    return CorruptError(std::string(place), "not valid JSON");
  return value;
}

const Json* FindPath(const Json& root, std::string_view dotted) {
  const Json* node = &root;
  while (!dotted.empty()) {
    const std::size_t dot = dotted.find('.');
    const std::string_view part = dotted.substr(0, dot);
    if (!node->is_object()) return nullptr;
    const auto it = node->find(part);
    if (it == node->end()) return nullptr;
    node = &*it;
    dotted = dot == std::string_view::npos ? "" : dotted.substr(dot + 1);
  }
  return node;
}

void SetPath(Json& root, std::string_view dotted, Json value) {
  Json* node = &root;
  while (true) {
    const std::size_t dot = dotted.find('.');
    if (!node->is_object()) *node = Json::object();
    node = &(*node)[std::string(dotted.substr(0, dot))];
    if (dot == std::string_view::npos) break;
    dotted = dotted.substr(dot + 1);
  }
  *node = std::move(value);
}

}  // namespace besom
