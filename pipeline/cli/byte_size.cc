#include "pipeline/cli/byte_size.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cmath>

namespace besom::cli {
namespace {

constexpr std::string_view kLetters = "kmgt";

/// What a unit stands for; 0 for none of ours.
double FactorOf(std::string_view unit) {
  std::string lower;
  for (const char c : unit)
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (lower.empty() || lower == "b") return 1;
  const std::size_t power = kLetters.find(lower[0]);
  if (power == std::string_view::npos) return 0;
  const std::string rest = lower.substr(1);
  const bool is_binary = rest == "ib";
  if (!is_binary && !rest.empty() && rest != "b") return 0;
  return std::pow(is_binary ? 1024.0 : 1000.0, static_cast<double>(power) + 1);
}

}  // namespace

Result<std::uint64_t> ParseByteSize(std::string_view text) {
  constexpr double kMost = 9e18;
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] =
      std::from_chars(text.data(), end, number, std::chars_format::fixed);
  std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  const double factor = FactorOf(unit);
  if (error != std::errc() || !(number >= 0) || factor == 0 ||
      !(number * factor < kMost))
    return InvalidError(std::string(text), "is no size",
                        "write it as 20GB (10^9), 20GiB (2^30), or in bytes");
  return static_cast<std::uint64_t>(std::llround(number * factor));
}

std::string ByteSizeText(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  std::size_t power = 0;
  // As rounded, so that it never says "1e+03 kB".
  for (; power < kLetters.size() && value >= 999.5; ++power) value /= 1000;
  std::string letter(1, kLetters[power - 1]);
  if (power > 1) letter[0] = static_cast<char>(std::toupper(letter[0]));
  return value < 100 ? fmt::format("{:.3g} {}B", value, letter)
                     : fmt::format("{:.0f} {}B", value, letter);
}

}  // namespace besom::cli
