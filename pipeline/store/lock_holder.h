#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace besom {

/// Who holds a lock, as its file says it to people and to other runs.
struct LockHolder {
  std::string host;
  std::int64_t pid = 0;
  std::string job;      ///< Of Slurm; "" = none.
  std::string cluster;  ///< Slurm's name of the cluster; "" = unknown.
  int restarts = 0;     ///< How often Slurm has started the job again.
  bool operator==(const LockHolder&) const = default;

  /// "host a, pid 7, Slurm job 12 of alpha, restart 1"; what is not there is
  /// left out.
  std::string ToText() const;
  /// Of such a text; what cannot be read stays empty.
  static LockHolder Parse(std::string_view text);
};

}  // namespace besom
