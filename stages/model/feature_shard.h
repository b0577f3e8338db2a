#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "pipeline/base/result.h"
#include "pipeline/store/artifact.h"

namespace besom::stages {

/// The address of a feature row within its space (base, weights, cut, pooling,
/// pixel settings, numerics tag).
struct FeatureKey {
  Digest content;    ///< SHA-256 of the image file.
  std::string view;  ///< ViewKey().
  bool operator==(const FeatureKey&) const = default;
};

/// A read-only shard of feature rows: float32, `dimension` numbers a row.
class FeatureShard {
 public:
  static Result<FeatureShard> Open(Artifact artifact);
  /// `rows` holds keys.size() * dimension numbers, row after row.
  static std::string Pack(int dimension, const std::vector<FeatureKey>& keys,
                          std::span<const float> rows);

  int dimension() const { return dimension_; }
  const std::vector<FeatureKey>& keys() const { return keys_; }
  std::span<const float> row(std::size_t index) const;

 private:
  int dimension_ = 0;
  std::vector<FeatureKey> keys_;
  std::size_t rows_offset_ = 0;
  Artifact artifact_;
};

/// Finds rows over several shards. Copies share the shards.
class FeatureIndex {
 public:
  static Result<FeatureIndex> Over(const std::vector<Artifact>& artifacts);
  int dimension() const { return dimension_; }
  /// Null span when there is no such row.
  std::span<const float> Find(const FeatureKey& key) const;

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
