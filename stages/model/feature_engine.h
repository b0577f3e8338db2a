#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "stages/model/preprocessing.h"
#include "stages/stage.h"

namespace besom::stages {

/// One kind of features: where the base is cut off, and what becomes of the map
/// there.
struct FeatureTap {
  std::string cut = "full";
  std::string pooling = "average";
  bool operator==(const FeatureTap&) const = default;
};

/// What engines are made for. All but `threads` decides numbers.
struct EngineSpec {
  std::string backbone;           ///< Of the catalog, or kTorchScript.
  Path weights;                   ///< A .safetensors file; empty = random.
  std::uint64_t random_seed = 0;  ///< Of random weights.
  /// One or, of a precision that SharesPasses, more: all come from one pass,
  /// each with the bits that it has alone.
  std::vector<FeatureTap> taps = {{}};
  std::string precision = "fp32";
  std::string engine = "libtorch";  ///< As EngineOf(tag) names it.
  std::string device = "cpu";       ///< "cpu" or "cuda:N".
  int size = 0;                     ///< Side of the images, pixels.
  int threads = 1;                  ///< Must not change a bit.
};

/// The frozen part of a base: images in, feature rows out.
///
/// Invariants:
/// (1) A row's bits depend on its image alone: not on the batch's other
///     images, how many there are, or threads (CPU); those of a tap not on
///     the other taps.
/// Thread safety: one thread at a time.
class FeatureEngine {
 public:
  FeatureEngine() = default;
  FeatureEngine(const FeatureEngine&) = delete;
  FeatureEngine& operator=(const FeatureEngine&) = delete;
  virtual ~FeatureEngine() = default;

  /// Numbers in a row: those of one tap after the other.
  virtual int dimension() const = 0;
  /// Images of one pass; a constant of the backbone, never of the machine.
  virtual int batch() const = 0;
  /// Numbers of one image in the input: size * size * 3.
  virtual std::size_t image_numbers() const = 0;
  /// Computes the rows of the first `images` images of `input`, which always
  /// holds batch() images, channels last, as InputFiller writes them (what
  /// stands after the first `images` does not matter, but must be finite).
  /// REQUIRES: 1 <= images <= batch(), rows.size() == images * dimension().
  virtual Status Extract(int images, std::span<const float> input,
                         std::span<float> rows) = 0;
  /// What it took of its GPU since it was made; zeros on a CPU.
  virtual DeviceMemory Memory() const { return {}; }
};

/// Equal ones, each for a thread of its own.
using Engines = std::vector<std::unique_ptr<FeatureEngine>>;

/// Whether engines of a precision give several taps in one pass. Not in bf16:
/// what of a network is rounded depends on what else is wanted of it.
constexpr bool SharesPasses(std::string_view precision) {
  return precision != "bf16";
}

/// Makes `lanes` of the engine that the spec names, which compute side by side,
/// each with `spec.threads` threads. kInvalid for a spec that is not built
/// (bf16 with LibTorch or several taps, an unknown cut, OpenVINO on GPUs),
/// kUnavailable when the device or OpenVINO is not there. Whoever calls it
/// links besom::model, or besom::engine_loader, which loads that at the first
/// call. REQUIRES: lanes >= 1, spec.threads >= 1.
Result<Engines> MakeFeatureEngines(const EngineSpec& spec, int lanes);

/// The same for one lane.
inline Result<std::unique_ptr<FeatureEngine>> MakeFeatureEngine(
    const EngineSpec& spec) {
  BESOM_ASSIGN_OR_RETURN(Engines engines, MakeFeatureEngines(spec, 1));
  return std::move(engines.front());
}

}  // namespace besom::stages
