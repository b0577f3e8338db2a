#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "pipeline/base/result.h"
#include "pipeline/store/artifact.h"
#include "stages/model/number_type.h"

namespace besom::stages {

/// The address of a feature row within its space (base, weights, cut, pooling,
/// pixel settings, numerics tag).
struct FeatureKey {
  Digest content;    ///< SHA-256 of the image file.
  std::string view;  ///< ViewKey().
  bool operator==(const FeatureKey&) const = default;
};

/// One row of a shard, in its map; or none. Copies are cheap.
class FeatureRow {
 public:
  FeatureRow() = default;
  explicit FeatureRow(std::span<const float> floats)
      : floats_(floats.data()), size_(floats.size()) {}
  explicit FeatureRow(std::span<const std::uint16_t> halves)
      : halves_(halves.data()), size_(halves.size()) {}

  bool found() const { return size_ > 0; }
  std::size_t size() const { return size_; }
  /// The numbers in place; null where they are not stored as float32.
  const float* floats() const { return floats_; }
  /// REQUIRES: into.size() == size().
  void CopyTo(std::span<float> into) const;

 private:
  const float* floats_ = nullptr;
  const std::uint16_t* halves_ = nullptr;
  std::size_t size_ = 0;
};

/// A read-only shard of feature rows of `dimension` numbers each.
class FeatureShard {
 public:
  static Result<FeatureShard> Open(Artifact artifact);
  /// `rows` holds keys.size() * dimension numbers, row after row; as bfloat16
  /// they are stored rounded.
  static std::string Pack(int dimension, const std::vector<FeatureKey>& keys,
                          std::span<const float> rows,
                          NumberType type = NumberType::kFloat32);

  int dimension() const { return dimension_; }
  const std::vector<FeatureKey>& keys() const { return keys_; }
  FeatureRow row(std::size_t index) const;

 private:
  int dimension_ = 0;
  NumberType type_ = NumberType::kFloat32;
  std::vector<FeatureKey> keys_;
  std::size_t rows_offset_ = 0;
  Artifact artifact_;
};

/// Finds rows over several shards. Copies share the shards.
class FeatureIndex {
 public:
  static Result<FeatureIndex> Over(const std::vector<Artifact>& artifacts);
  int dimension() const { return dimension_; }
  /// Not found() when there is no such row.
  FeatureRow Find(const FeatureKey& key) const;

 private:
  struct KeyHash {
    std::size_t operator()(const FeatureKey& key) const noexcept;
  };
  int dimension_ = 0;
  std::vector<FeatureShard> shards_;
  std::unordered_map<FeatureKey, std::pair<std::size_t, std::size_t>, KeyHash>
      where_;
};

}  // namespace besom::stages
