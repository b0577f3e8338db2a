#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/result.h"

namespace besom::run {

/// The numerics tags of a sweep's tasks: one for each value of
/// `model.precision`, resolved when the sweep first holds that value and kept
/// in the database from then on. So a sweep that began on a GPU goes on there.
class SweepNumerics {
 public:
  /// Reads what ToText wrote; empty = nothing is resolved yet.
  static SweepNumerics FromText(std::string_view text);
  /// The tags, that of `auto` with "auto=" before it, that of training with
  /// "training=", separated by spaces.
  std::string ToText() const;

  /// Resolves `precision` (fp32, bf16, auto), unless it is resolved. `device`:
  /// auto, cpu or cuda. `offered`: the tags that the job's ranks, or this
  /// machine, can compute with, the preferred first; `auto` precision is fp32:
  /// no engine's bf16 gives the answers of fp32 for every base (ARCHITECTURE,
  /// Engines). All tags of a sweep are of one kind of device. kUnavailable when
  /// nothing fits; kInvalid when the sweep began on another kind of device than
  /// `device`.
  Status Resolve(const std::string& precision, const std::string& device,
                 const std::vector<std::string>& offered);

  /// Resolves the tag of what trains a part of a base, unless it is resolved:
  /// LibTorch on CPUs in fp32. kUnavailable when it is not `offered`.
  Status ResolveTraining(const std::vector<std::string>& offered);
  /// Empty where it is not resolved.
  const std::string& training() const { return training_; }

  /// REQUIRES: `precision` is resolved.
  const std::string& TagOf(const std::string& precision) const;
  /// By precision as the spec writes it.
  const std::map<std::string, std::string>& tags() const { return tags_; }

 private:
  std::map<std::string, std::string> tags_;
  std::string training_;
};

/// Whether `tag` may be used with `device`: auto, cpu or cuda.
bool IsOfDevice(std::string_view tag, std::string_view device);

}  // namespace besom::run
