#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/feature_engine.h"

namespace besom::stages {

/// What the batch norms of a trained part do in training. Evaluation always
/// takes the running statistics.
enum class BatchNormMode {
  kFrozen,  ///< As in evaluation, and nothing of them is trained.
  kAffine,  ///< Running statistics fixed; scale and shift are trained.
  kBatch,   ///< Statistics of the batch, which move the running ones.
};

/// kInvalid names the choices: frozen, affine, batch.
Result<BatchNormMode> ParseBatchNormMode(std::string_view name);

/// Numbers of a tensor of the base, by name and shape.
struct NamedTensor {
  Parameter parameter;
  std::vector<float> values;
  bool operator==(const NamedTensor&) const = default;
};

/// Which part of a base is trained. All but `threads` decides numbers.
struct TrainedBaseSpec {
  std::string backbone;
  Path weights;                   ///< A .safetensors file; empty = random.
  std::uint64_t random_seed = 0;  ///< Of random weights.
  /// Where not null, all tensors of the trained part, instead of a file;
  /// borrowed for the call.
  const std::vector<NamedTensor>* tensors = nullptr;
  std::string unfreeze;  ///< The first block that is trained, or "all".
  FeatureTap tap;        ///< What the head reads.
  BatchNormMode batch_norm = BatchNormMode::kAffine;
  int size = 0;     ///< Side of the images, pixels.
  int threads = 1;  ///< Must not change a bit.
};

/// A tensor of a trained part.
struct BaseTensor {
  Parameter parameter;
  /// Whether steps change it; else it is a running statistic, which only the
  /// forward pass of kBatch changes.
  bool learned = true;
  std::span<float> values;  ///< In the parameter's order; lives as its base.
};

/// The part of a base from the first trained block to the cut, with pooling:
/// maps of the frozen edge in, feature rows out, and gradients back.
///
/// Batches are cut into micro-shards of kImagesPerMicroShard images (one of all
/// images in kBatch), each computed by one thread, and their gradients are
/// added in the order of shards: a batch's bits do not depend on threads.
/// Thread safety: one thread at a time, which may be another one each call.
class TrainedBase {
 public:
  TrainedBase() = default;
  TrainedBase(const TrainedBase&) = delete;
  TrainedBase& operator=(const TrainedBase&) = delete;
  virtual ~TrainedBase() = default;

  /// Numbers of an image's map at the edge, channel by channel, and of its
  /// features.
  virtual int map_numbers() const = 0;
  virtual int dimension() const = 0;
  /// In the order of the layers. Whoever holds the base may change the values
  /// between two calls.
  virtual const std::vector<BaseTensor>& tensors() const = 0;
  /// Numbers of all learned tensors together.
  virtual std::size_t learned_numbers() const = 0;

  /// Features of maps in evaluation, maps.size() x dimension(). A row's bits
  /// depend on its map alone.
  virtual Status Evaluate(std::span<const float* const> maps,
                          std::span<float> features) = 0;
  /// The same in training; what Backward needs is kept as batch `slot`, in the
  /// place of the last one there.
  virtual Status Forward(std::size_t slot, std::span<const float* const> maps,
                         std::span<float> features) = 0;
  /// From the gradient by the features of batch `slot`, which is over then,
  /// those by the learned tensors, one after the other.
  /// REQUIRES: gradients.size() == learned_numbers().
  virtual Status Backward(std::size_t slot, std::span<const float> by_features,
                          std::span<float> gradients) = 0;
};

/// Images of a micro-shard: a constant of the plan.
inline constexpr std::size_t kImagesPerMicroShard = 4;

using TrainedBaseFactory =
    std::function<Result<std::unique_ptr<TrainedBase>>(const TrainedBaseSpec&)>;

/// The frozen edge of a base that is trained from `unfreeze` on: its tap.
/// kInvalid names the blocks; also when `cut` leaves nothing to be trained.
Result<FeatureTap> EdgeOf(const Backbone& backbone, std::string_view unfreeze,
                          std::string_view cut);

/// Makes it with LibTorch, on the CPU. kInvalid for an unknown backbone, block,
/// cut or pooling; else errors of the weights. Whoever calls it links
/// besom::model, or besom::engine_loader, which loads that at the first call.
/// REQUIRES: spec.threads >= 1.
Result<std::unique_ptr<TrainedBase>> MakeTrainedBase(
    const TrainedBaseSpec& spec);

}  // namespace besom::stages
