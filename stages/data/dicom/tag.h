#pragma once

#include <compare>
#include <cstdint>

namespace besom::stages {

/// The name of a DICOM element: (gggg,eeee).
struct DicomTag {
  std::uint16_t group = 0, element = 0;
  auto operator<=>(const DicomTag&) const = default;
};

}  // namespace besom::stages
