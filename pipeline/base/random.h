#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace besom {

/// A stream of draws that depends on its key alone, never on what else was
/// drawn before it. Philox4x32-10: Salmon and others, "Parallel random
/// numbers: as easy as 1, 2, 3", SC 2011, section 3.3.
/// One thread at a time; copies continue independently with the same draws.
class KeyedRandom {
 public:
  /// Draws for `purpose` (say "dropout") under `seed`; `indices` say for which
  /// image, layer, repeat, fold, epoch or step.
  KeyedRandom(std::uint64_t seed, std::string_view purpose,
              std::initializer_list<std::uint64_t> indices = {});

  std::uint32_t Next32();
  std::uint64_t Next64();
  /// Uniform in [0, 1) with 53 random bits.
  double Uniform();
  /// Uniform in [low, high).
  double Uniform(double low, double high);
  /// Uniform integer in [0, bound), without bias. REQUIRES: bound > 0.
  std::uint64_t Below(std::uint64_t bound);
  /// Standard normal (Box and Muller 1958; one of the pair is used).
  double Normal();

  /// Shuffles in place (Fisher and Yates).
  template <typename T>
  void Shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[Below(i)]);
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

/// One block of Philox4x32 with 10 rounds.
std::array<std::uint32_t, 4> Philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

}  // namespace besom
