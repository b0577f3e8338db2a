#pragma once

#include <string>
#include <string_view>

namespace besom::testing {

/// An element of explicit VR, little endian (PS3.5, 7.1.2).
inline std::string DicomElement(int group, int element, std::string_view vr,
                                std::string value) {
  if (value.size() % 2 != 0) value += vr == "UI" ? '\0' : ' ';
  const auto number = [](std::size_t n) {
    return std::string{static_cast<char>(n & 0xFF), static_cast<char>(n >> 8)};
  };
  const std::string size = number(value.size());
  return number(static_cast<std::size_t>(group)) +
         number(static_cast<std::size_t>(element)) + std::string(vr) +
         (vr == "OW" ? number(0) + size + number(0) : size) + value;
}

/// A DICOM file as far as its header counts: a study's description, a patient,
/// a view.
inline std::string SmallDicom(const std::string& study,
                              const std::string& patient,
                              const std::string& view = "PA") {
  const std::string meta = DicomElement(2, 0x10, "UI", "1.2.840.10008.1.2.1");
  const std::string size{static_cast<char>(meta.size()), 0, 0, 0};
  return std::string(128, '\0') + "DICM" + DicomElement(2, 0, "UL", size) +
         meta + DicomElement(8, 0x1030, "LO", study) +
         DicomElement(0x10, 0x20, "LO", patient) +
         DicomElement(0x18, 0x5101, "CS", view) +
         DicomElement(0x7FE0, 0x10, "OW", std::string(2, '\0'));
}

}  // namespace besom::testing
