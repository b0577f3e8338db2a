#pragma once

#include <span>
#include <vector>

#include "stages/model/head/head_kernels.h"
#include "stages/model/head/head_network.h"

namespace besom::stages {

/// The way of some rows through a head and, as gradients by the outputs of one
/// layer after the other, back. A row's numbers do not depend on which rows go
/// with it. One thread at a time; scratch memory is used again.
class HeadPass {
 public:
  /// Computes the outputs of all layers. masks: for each hidden layer the mask
  /// of the first row, the others behind it (rows x padded); empty = no
  /// dropout. Rows and masks are borrowed until the next call.
  void Forward(const HeadWeights& layers, std::span<const float* const> rows,
               std::vector<const float*> masks, const HeadKernels& kernels);

  /// Logits of the last layer, rows x padded.
  std::span<const float> logits() const { return outputs_.back(); }
  /// Gradients by the outputs of a layer, rows x padded: first of the last,
  /// where the loss writes them.
  std::vector<float>& deltas() { return deltas_; }
  /// What goes into a layer, one pointer per row.
  std::vector<const float*> Inputs(const HeadWeights& layers,
                                   std::size_t layer) const;
  /// From the deltas of `layer` those of the layer below it, which is hidden.
  /// Uses the weights of `layer` as they are now. REQUIRES: layer > 0.
  std::vector<float> DeltasBelow(const HeadWeights& layers, std::size_t layer,
                                 const HeadKernels& kernels) const;
  /// From the deltas of the first layer the gradients by the rows, rows x
  /// PaddedWidth(inputs).
  std::vector<float> DeltasOfRows(const HeadWeights& layers,
                                  const HeadKernels& kernels) const;

 private:
  std::vector<float> ThroughLayer(const HeadLayer& layer,
                                  const HeadKernels& kernels) const;

  std::vector<const float*> rows_, masks_;
  std::vector<std::vector<float>> outputs_;  // Of each layer, after dropout.
  std::vector<float> deltas_;
};

/// For HeadPass::Forward: where the masks of a batch of `rows` (one per hidden
/// layer, rows x padded; or none) begin for row `first`.
std::vector<const float*> MaskRows(std::span<const std::vector<float>> masks,
                                   const HeadWeights& layers, std::size_t rows,
                                   std::size_t first);

}  // namespace besom::stages
