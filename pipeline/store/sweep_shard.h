#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/base/result.h"

namespace besom {

/// One of `count` runs that share a sweep: each computes a block of its trials.
struct SweepShard {
  int count = 1;
  int index = 0;  ///< From 0, less than `count`.
  auto operator<=>(const SweepShard&) const = default;

  static constexpr int kMost = 100'000;

  /// Reads "0/3". kInvalid, with the cure, for anything else.
  static Result<SweepShard> Parse(std::string_view text);
  std::string ToText() const;  ///< "0/3".
  /// "0-of-3".
  std::string FileName() const;
  static std::optional<SweepShard> FromFileName(std::string_view name);

  /// Its trials of a plan of `trials`: [first, end). Blocks follow one another,
  /// their sizes differ by one at most. Neighbours in a plan have the most in
  /// common (the last axis is the fastest), so they stay together.
  struct Block {
    std::size_t first = 0, end = 0;
    bool operator==(const Block&) const = default;
  };
  Block BlockOf(std::size_t trials) const;
};

}  // namespace besom
