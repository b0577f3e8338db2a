#pragma once

#include <cstdint>
#include <span>

namespace besom::stages {

/// Columns are padded to this many: one 512-bit register of floats. The bits
/// of a column never depend on which columns stand beside it.
inline constexpr int kHeadTile = 16;

constexpr int PaddedWidth(int width) {
  return (width + kHeadTile - 1) / kHeadTile * kHeadTile;
}

enum class OptimizerKind { kAdam, kAdamW, kSgd, kRmsProp };

/// The scalars of one optimiser step, bias corrections applied.
struct OptimizerStep {
  OptimizerKind kind = OptimizerKind::kAdam;
  float learning_rate = 0;  ///< SGD, RMSprop and the decay of AdamW.
  float weight_decay = 0;
  float step_size = 0;   ///< Adam: learning_rate / (1 - beta1^t).
  float root_scale = 1;  ///< Adam: 1 / sqrt(1 - beta2^t).
  float beta2 = 0.999F;  ///< RMSprop's alpha, too.
  float beta1_rest = 0.1F, beta2_rest = 0.001F;  ///< 1 - beta, from double.
  float epsilon = 1e-8F;
  float momentum = 0;  ///< SGD.
};

/// The loops in which heads spend their time, for one instruction set.
///
/// Invariants:
/// (1) Every kernel set returns the same bits: each number is one fixed chain
///     of fused multiply-adds (lanes never mix), and add, multiply, divide,
///     square root and fma are rounded exactly by IEEE 754.
/// (2) A row's and a column's result does not depend on the other rows (of a
///     product) and columns (of both).
/// Thread safety: any thread; no state.
struct HeadKernels {
  const char* name;  ///< "x86-64-v4", "x86-64-v3" or "portable".

  /// out[r][c] = bias[c] + sum over i of rows[r][i] * weights[i][c]; the sum
  /// runs upwards in chunks of 256 whose totals are added in order.
  /// weights: inputs x padded, out: count x padded, row after row.
  void (*product)(const float* const* rows, int count, int inputs,
                  const float* weights, const float* bias, int padded,
                  float* out);

  /// For every weight: gradient[i][c] = sum over r (upwards) of rows[r][i] *
  /// deltas[r][c], then one optimiser step on it. first, second: the
  /// optimiser's moments, shaped as weights (second unused by SGD, first by
  /// RMSprop).
  void (*update)(const float* const* rows, int count, int inputs,
                 const float* deltas, int padded, const OptimizerStep& step,
                 float* weights, float* first, float* second);

  /// The two halves of `update`, with the same bits: the gradients of inputs
  /// [begin, end) into `out`, (end - begin) x padded; and the optimiser's step
  /// by `count` gradients, any number.
  void (*gradient)(const float* const* rows, int count, int begin, int end,
                   const float* deltas, int padded, float* out);
  void (*apply)(const float* gradient, int count, const OptimizerStep& step,
                float* weights, float* first, float* second);

  /// The sum of squares: of each 1024 values in float by lanes, these totals in
  /// double in order.
  double (*squares)(const float* values, int count);

  /// out[i] = from[i] + share * (to[i] - from[i]), the product and the sum
  /// rounded once; `out` may be `from`.
  void (*blend)(const float* from, const float* to, float share, int count,
                float* out);

  /// A dropout mask: element i is 0 when draw i < `threshold`, else `scale`.
  /// Draws are words of Philox4x32-10, four per block, block b with the
  /// counter {b, 0, stream[2], stream[3]} and the key {stream[0], stream[1]}.
  /// `out` has room for `count` rounded up to whole tiles.
  void (*mask)(const std::uint32_t* stream, std::uint32_t threshold,
               float scale, int count, float* out);
};

/// The fastest set that this processor runs.
const HeadKernels& BestHeadKernels();
/// All sets that this processor runs, fastest first.
std::span<const HeadKernels* const> RunnableHeadKernels();

}  // namespace besom::stages
