#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

namespace besom {

/// Keeps a bus error within a map of a file (it was truncated under us, or the
/// disk cannot read it) from ending the process: the reader gets zeros instead
/// and the fault is noted. Whoever used the bytes must ask afterwards, and then
/// throw away what it made of them. Bus errors elsewhere end the process as
/// ever.
/// Thread safety: any thread; the reading thread may be any.
class MapGuard {
 public:
  /// Guards `bytes`, a whole map (not empty) that must outlive the guard.
  MapGuard(std::span<const std::byte> bytes, std::filesystem::path path);
  ~MapGuard();
  MapGuard(const MapGuard&) = delete;
  MapGuard& operator=(const MapGuard&) = delete;

  /// True once some read of these bytes gave zeros instead of the file's.
  bool faulted() const;

 private:
  struct Slot;
  friend std::optional<std::filesystem::path> TakeMapFault();
  Slot* slot_;
};

/// A file whose map was hit since it was last told here, each once, also when
/// the map is gone meanwhile; empty when none was.
std::optional<std::filesystem::path> TakeMapFault();

}  // namespace besom
