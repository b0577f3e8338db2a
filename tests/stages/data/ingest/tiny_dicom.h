#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace besom::testing {

/// One element in explicit VR little endian, its value padded to even length.
std::string DicomElement(std::uint16_t group, std::uint16_t element,
                         std::string_view representation, std::string value);

/// The value of an element of type US.
std::string DicomNumber(std::uint16_t number);

/// Preamble and meta header with that transfer syntax, then `data_set`.
std::string DicomFile(std::string_view data_set,
                      std::string_view syntax = "1.2.840.10008.1.2.1");

/// The elements of a grey image of 8 bits but its pixels, whose element may
/// follow. `more` goes between PatientID and Rows (groups 0010 to 0020).
std::string DicomImageHeader(int width, int height, std::string_view more = "");

/// A whole file with 8-bit grey pixels.
std::string DicomOf(int width, int height, const std::string& pixels,
                    std::string_view more = "");

}  // namespace besom::testing
