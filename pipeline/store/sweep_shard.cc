#include "pipeline/store/sweep_shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace besom {
namespace {

std::optional<int> NumberOf(std::string_view text) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || text.empty() || text[0] == '-')
    return std::nullopt;
  return number;
}

/// INDEX `between` COUNT.
std::optional<SweepShard> Read(std::string_view text,
                               std::string_view between) {
  const std::size_t at = text.find(between);
  if (at == std::string_view::npos) return std::nullopt;
  const std::optional<int> index = NumberOf(text.substr(0, at));
  const std::optional<int> count = NumberOf(text.substr(at + between.size()));
  if (!index || !count || *count < 1 || *count > SweepShard::kMost ||
      *index >= *count)
    return std::nullopt;
  return SweepShard{*count, *index};
}

}  // namespace

Result<SweepShard> SweepShard::Parse(std::string_view text) {
  if (const std::optional<SweepShard> shard = Read(text, "/")) return *shard;
  return InvalidError(
      "--shard", fmt::format("'{}' is no shard", text),
      fmt::format("pass I/K with I from 0 to K - 1 and K at most {}: the first "
                  "of three is 0/3",
                  kMost));
}

std::string SweepShard::ToText() const {
  return fmt::format("{}/{}", index, count);
}

std::string SweepShard::FileName() const {
  return fmt::format("{}-of-{}", index, count);
}

std::optional<SweepShard> SweepShard::FromFileName(std::string_view name) {
  const std::optional<SweepShard> shard = Read(name, "-of-");
  return shard && shard->FileName() == name ? shard : std::nullopt;
}

SweepShard::Block SweepShard::BlockOf(std::size_t trials) const {
  const auto i = static_cast<std::size_t>(index);
  const auto k = static_cast<std::size_t>(count);
  // The first `trials % k` blocks have one more.
  const auto begin = [&](std::size_t block) {
    return block * (trials / k) + std::min(block, trials % k);
  };
  return {begin(i), begin(i + 1)};
}

}  // namespace besom
