#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stages/checkpoint.h"

namespace besom::testing {

/// A checkpoint in memory that is due whenever `due` holds the moment, and
/// keeps all that was ever saved.
class MemoryCheckpoint final : public stages::Checkpoint {
 public:
  std::optional<std::string> Load() override { return at; }
  bool Due(Moment moment) override {
    for (const Moment one : due)
      if (one == moment) return true;
    return false;
  }
  void Save(std::string_view bytes) override {
    at = bytes;
    saved.emplace_back(bytes);
  }

  std::optional<std::string> at;
  std::vector<Moment> due = {Moment::kEpoch};
  std::vector<std::string> saved;
};

}  // namespace besom::testing
