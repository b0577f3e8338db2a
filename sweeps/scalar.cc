#include "sweeps/scalar.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "sweeps/axis.h"

namespace besom::sweeps {
namespace {

constexpr std::array<std::string_view, 6> kTrue = {"true", "True", "TRUE",
                                                   "yes",  "Yes",  "on"};
constexpr std::array<std::string_view, 6> kFalse = {"false", "False", "FALSE",
                                                    "no",    "No",    "off"};

template <typename Words>
bool Contains(const Words& words, std::string_view text) {
  for (const std::string_view word : words)
    if (word == text) return true;
  return false;
}

std::optional<Json> ParseBoolean(std::string_view text) {
  if (Contains(kTrue, text)) return Json(true);
  if (Contains(kFalse, text)) return Json(false);
  return std::nullopt;
}

std::optional<Json> ParsePercent(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  const auto share = ParseNumber(text.substr(0, text.size() - 1));
  if (!share.has_value() || *share < 0 || *share > 100) return std::nullopt;
  return Json(std::string(text));
}

bool HasWord(const Form& form, const std::string& text) {
  for (const Word& word : form.words)
    if (word.built && word.name == text) return true;
  return false;
}

bool IsDottedName(std::string_view text) {
  const std::size_t dot = text.find('.');
  return dot != std::string_view::npos && !text.ends_with('.') &&
         std::isalpha(static_cast<unsigned char>(text.front())) != 0 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
         });
}

}  // namespace

std::optional<double> ParseNumber(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.starts_with('+')) return std::nullopt;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || !std::isfinite(value))
    return std::nullopt;
  return value;
}

std::optional<std::int64_t> ParseInteger(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::string_view digits = text;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  const bool octal = digits.size() > 1 && digits[0] == '0' &&
                     digits[1] >= '0' && digits[1] <= '9';
  if (digits.empty() || octal) return std::nullopt;
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && at == end) return value;
  const std::optional<double> number = ParseNumber(text);
  if (!number.has_value() || std::abs(*number) > kLargestExact)
    return std::nullopt;
  if (std::nearbyint(*number) != *number) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

bool InRange(const Form& form, double value) {
  if (!std::isfinite(value)) return false;
  if (value < form.min || (form.above_min && value == form.min)) return false;
  return value < form.max || (!form.below_max && value == form.max);
}

std::optional<Json> ParseScalar(const Form& form, const YamlNode& node) {
  switch (form.kind) {
    case Form::Kind::kWord:
      if (HasWord(form, node.text)) return Json(node.text);
      return std::nullopt;
    case Form::Kind::kText:
      return Json(node.text);
    case Form::Kind::kDotted:
      if (IsDottedName(node.text)) return Json(node.text);
      return std::nullopt;
    case Form::Kind::kPercent:
      return ParsePercent(node.text);
    case Form::Kind::kBoolean:
      return node.quoted ? std::nullopt : ParseBoolean(node.text);
    case Form::Kind::kInteger: {
      const auto value = ParseInteger(node.text);
      if (node.quoted || !value || !InRange(form, static_cast<double>(*value)))
        return std::nullopt;
      return Json(*value);
    }
    case Form::Kind::kNumber: {
      const auto value = ParseNumber(node.text);
      if (node.quoted || !value || !InRange(form, *value)) return std::nullopt;
      return Json(*value);
    }
    default:
      return std::nullopt;
  }
}

}  // namespace besom::sweeps
