#include "tests/stages/data/ingest/tiny_dicom.h"

namespace besom::testing {
namespace {

std::string Little(std::uint32_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i)
    text += static_cast<char>(number >> (8 * i) & 0xFF);
  return text;
}

}  // namespace

std::string DicomElement(std::uint16_t group, std::uint16_t element,
                         std::string_view representation, std::string value) {
  if (value.size() % 2 != 0) value += representation == "UI" ? '\0' : ' ';
  const bool wide = representation == "OB" || representation == "OW" ||
                    representation == "SQ" || representation == "UN";
  std::string text = Little(group, 2) + Little(element, 2);
  text += representation;
  if (wide) text += Little(0, 2);
  text += Little(static_cast<std::uint32_t>(value.size()), wide ? 4 : 2);
  return text + value;
}

std::string DicomNumber(std::uint16_t number) { return Little(number, 2); }

std::string DicomFile(std::string_view data_set, std::string_view syntax) {
  const std::string meta =
      DicomElement(0x0002, 0x0010, "UI", std::string(syntax));
  std::string file(128, '\0');
  file += "DICM";
  file += DicomElement(0x0002, 0x0000, "UL",
                       Little(static_cast<std::uint32_t>(meta.size()), 4));
  file += meta;
  file += data_set;
  return file;
}

std::string DicomImageHeader(int width, int height, std::string_view more) {
  std::string text = DicomElement(0x0008, 0x0018, "UI", "1.2.3.4");
  text += DicomElement(0x0010, 0x0020, "LO", "patient 7");
  text += more;
  text += DicomElement(0x0028, 0x0002, "US", DicomNumber(1));
  text += DicomElement(0x0028, 0x0004, "CS", "MONOCHROME2");
  text += DicomElement(0x0028, 0x0010, "US",
                       DicomNumber(static_cast<std::uint16_t>(height)));
  text += DicomElement(0x0028, 0x0011, "US",
                       DicomNumber(static_cast<std::uint16_t>(width)));
  text += DicomElement(0x0028, 0x0100, "US", DicomNumber(8));
  text += DicomElement(0x0028, 0x0101, "US", DicomNumber(8));
  text += DicomElement(0x0028, 0x0102, "US", DicomNumber(7));
  text += DicomElement(0x0028, 0x0103, "US", DicomNumber(0));
  return text;
}

std::string DicomOf(int width, int height, const std::string& pixels,
                    std::string_view more) {
  return DicomFile(DicomImageHeader(width, height, more) +
                   DicomElement(0x7FE0, 0x0010, "OB", pixels));
}

}  // namespace besom::testing
