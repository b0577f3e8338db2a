#pragma once

#include <string_view>

#include "pipeline/base/json.h"

namespace besom::run {

/// What tasks are predicted to cost where nothing like them was measured:
/// seconds of one core. The constants were measured on two cores with AVX-512
/// of a virtual machine of 2026 (85 billion float32 multiply-adds a second and
/// core in the kernels of heads); another machine's guess is divided by its own
/// RelativeSpeed.
struct TaskCosts {
  static constexpr double kDecode = 1.6e-3;  ///< An image of 512 x 512 pixels.
  static constexpr double kSplit = 0.01;
  static constexpr double kAugment = 0.15;  ///< The sheet of some views.
  static constexpr double kEvaluate = 3e-3;

  /// The search for duplicates among so many images.
  static double Duplicates(double images);
  /// The shortcut audit of so many images: heads of a number of steps that does
  /// not depend on them until there are many.
  static double Audit(double images);

  /// A pass of one image through a frozen base of so many multiply-adds, by
  /// the engine of a numerics tag.
  static double Pass(double multiply_adds, std::string_view numerics);

  /// An epoch of a head: `inputs` numbers an image, hidden widths as
  /// model.head, `classes`, batches of `batch` images.
  static double HeadEpoch(double inputs, const Json& hidden, double classes,
                          double images, double batch);
};

/// The share of the images that is trained on in some fit, by the resolved
/// `split` section; `rows`: those of its file ({image, split}), or null.
double ShareTrained(const Json& split, const Json& rows);

/// How many times as fast this machine is as the one of TaskCosts, all of
/// `cores` busy: takes about 30 ms.
double RelativeSpeed(int cores);

}  // namespace besom::run
