#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/result.h"
#include "pipeline/store/artifact.h"

namespace besom::stages {

/// One tensor of a .safetensors file; `bytes` lie in the file's map.
struct TensorEntry {
  std::string name;
  std::string dtype;  ///< "F32", "F16", "BF16", "F64", "I64", ...
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// A read-only .safetensors file (format: github.com/huggingface/safetensors,
/// "Format"): 8 bytes header length, JSON header, tensors back to back, little
/// endian. Everything is checked before it is believed. Copies share the map.
class Safetensors {
 public:
  /// kNotFound, kIo, or kCorrupt with what is wrong.
  static Result<Safetensors> OpenFile(const Path& path);
  /// `place` names the bytes in errors.
  static Result<Safetensors> Open(Artifact artifact, std::string place);

  /// The `__metadata__` map.
  const std::map<std::string, std::string>& metadata() const {
    return metadata_;
  }
  /// Sorted by name.
  const std::vector<TensorEntry>& tensors() const { return tensors_; }
  /// Null when there is no such tensor. Lives as long as this object.
  const TensorEntry* Find(std::string_view name) const;
  /// The numbers of `name`, which must have that shape; F16, BF16 and F64 are
  /// converted. kInvalid says what the file holds instead.
  Result<std::vector<float>> Floats(
      std::string_view name, const std::vector<std::int64_t>& shape) const;

 private:
  Status ParseHeader(std::string_view header, std::span<const std::byte> data);

  std::string place_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorEntry> tensors_;
  Artifact artifact_;
};

/// A tensor to be written as F32; borrows its numbers.
struct FloatTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::span<const float> values;
};

/// The bytes of a .safetensors file. Equal input gives equal bytes.
/// REQUIRES: names are unique, values.size() is the product of the shape.
std::string PackSafetensors(const std::vector<FloatTensor>& tensors,
                            const std::map<std::string, std::string>& metadata);

}  // namespace besom::stages
