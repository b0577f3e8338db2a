#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/script_program.h"

namespace besom::stages {

/// Numbers of a square of positions, or of a rectangle; row by row.
struct HeatMap {
  int rows = 0, columns = 0;
  std::vector<float> values;
};

/// How much each position of a map speaks for a class.
struct ClassActivation {
  int target = 0;                     ///< The class.
  std::vector<double> probabilities;  ///< Of all classes.
  HeatMap map;
};

/// A trained network that can be asked about single images, on the CPU. Images
/// are `side` x `side` pixels, RGB, 8 bit, channels first. One thread at a
/// time.
class NetworkProbe {
 public:
  NetworkProbe() = default;
  NetworkProbe(const NetworkProbe&) = delete;
  NetworkProbe& operator=(const NetworkProbe&) = delete;
  virtual ~NetworkProbe() = default;

  /// Probabilities of `count` images, one class after the other.
  virtual Result<std::vector<double>> Probabilities(
      std::span<const std::uint8_t> images, int count) = 0;
  /// Grad-CAM (Selvaraju and others, arXiv 1610.02391, equations 1 and 2):
  /// max(0, sum over channels of the watched map times the mean, over its
  /// positions, of the gradient by it of the class's logit); of several fits
  /// the mean of their maps. Of tokens (a map of one column) the first is no
  /// position, the others are a square. `target` < 0: the class of the largest
  /// probability.
  virtual Result<ClassActivation> GradCam(std::span<const std::uint8_t> image,
                                          int target) = 0;
};

/// Compiles a program of ScriptTarget::FinishWatched. Errors as
/// PackTorchScript's; whoever calls it links what that needs.
/// REQUIRES: threads >= 1.
Result<std::unique_ptr<NetworkProbe>> MakeNetworkProbe(
    const ScriptProgram& program, int side, int threads);

}  // namespace besom::stages
