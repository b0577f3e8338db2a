#include "stages/data/dicom/header.h"

#include <charconv>
#include <fstream>
#include <optional>

#include "stages/data/decode_formats.h"
#include "stages/data/dicom/module.h"
#include "stages/data/dicom/outline.h"

namespace besom::stages {
namespace {

/// Most headers fit; those that do not are read on, eight times as far.
constexpr std::size_t kFirstBytes = 1U << 16;

std::optional<std::uint16_t> HexNumber(std::string_view digits) {
  std::uint16_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [last, error] = std::from_chars(digits.data(), end, number, 16);
  if (digits.size() != 4 || error != std::errc() || last != end)
    return std::nullopt;
  return number;
}

std::optional<DicomTag> NumberedTag(std::string_view name) {
  if (name.starts_with('(') && name.ends_with(')'))
    name = name.substr(1, name.size() - 2);
  if (name.size() != 9 || name[4] != ',') return std::nullopt;
  const auto group = HexNumber(name.substr(0, 4));
  const auto element = HexNumber(name.substr(5));
  if (!group || !element) return std::nullopt;
  return DicomTag{*group, *element};
}

}  // namespace

Result<DicomTag> ParseDicomTag(std::string_view name) {
  if (const auto tag = NumberedTag(name)) return *tag;
  BESOM_ASSIGN_OR_RETURN(const DicomModule* module, LoadDicomModule());
  return module->find_keyword(name);
}

Result<std::vector<std::string>> ReadDicomTexts(
    const Path& file, std::span<const DicomTag> tags) {
  BESOM_ASSIGN_OR_RETURN(const DicomModule* module, LoadDicomModule());
  std::ifstream stream(file, std::ios::binary);
  std::string text;
  for (std::size_t wanted = kFirstBytes;; wanted *= 8) {
    const std::size_t before = text.size();
    text.resize(wanted);
    stream.read(text.data() + before,
                static_cast<std::streamsize>(wanted - before));
    text.resize(before + static_cast<std::size_t>(stream.gcount()));
    const auto bytes = std::as_bytes(std::span(text));
    if (!IsDicom(bytes)) return BadImage("not a DICOM file");
    const Result<DicomOutline> outline =
        OutlineDicom(bytes, DicomDepth::kHeader);
    if (outline.ok())
      return module->read_texts(bytes.first(outline->header_end), tags);
    if (text.size() < wanted) return outline.status();  // That was all of it.
  }
}

}  // namespace besom::stages
