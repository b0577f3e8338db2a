#pragma once

#include <span>
#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "pipeline/store/artifact.h"
#include "stages/model/head/head_network.h"
#include "stages/model/trained_base.h"

namespace besom::stages {

/// What a trained head says about one feature row.
struct HeadOutput {
  std::vector<double> probabilities;      ///< One per class, sum 1.
  std::vector<double> log_probabilities;  ///< Finite for finite weights.
};

/// A trained head: weights and what belongs to them; also the tensors of a part
/// of the base that was trained with it. Immutable; any thread.
class HeadModel {
 public:
  /// `description` is a JSON object that goes into the file's metadata:
  /// classes (array of names) is required; model, chosen_epoch, ... are kept.
  HeadModel(HeadWeights layers, Json description,
            std::vector<NamedTensor> base = {});

  /// Reads a .safetensors head (head.N.weight [outputs, inputs], head.N.bias,
  /// N counting layers from 0; all else is the base's). kCorrupt when it is not
  /// one.
  static Result<HeadModel> FromBlob(Artifact blob);
  /// The same as a .safetensors file; equal models give equal bytes.
  std::string ToBlob() const;

  const std::vector<std::string>& classes() const { return classes_; }
  const Json& description() const { return description_; }
  const HeadWeights& layers() const { return layers_; }
  const std::vector<NamedTensor>& base() const { return base_; }
  /// Length of a feature row.
  int dimension() const { return layers_.front().inputs; }

  /// REQUIRES: every row holds dimension() floats.
  std::vector<HeadOutput> Evaluate(std::span<const float* const> rows) const;

 private:
  HeadWeights layers_;
  std::vector<NamedTensor> base_;  // Sorted by name.
  Json description_;
  std::vector<std::string> classes_;
};

}  // namespace besom::stages
