#include "stages/data/dicom/module.h"

#include <fmt/format.h>

#include <string>

#include "stages/data/dicom/decode.h"
#include "stages/data/dicom/library.h"

namespace besom::stages {
namespace {

Result<std::vector<std::string>> ReadTexts(std::span<const std::byte> header,
                                           std::span<const DicomTag> tags) {
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<DcmFileFormat> file,
                         ParseDicom(header));
  std::vector<std::string> texts;
  for (const DicomTag& tag : tags)
    texts.push_back(
        DicomText(*file->getDataset(), DcmTagKey(tag.group, tag.element)));
  return texts;
}

Result<DicomTag> FindKeyword(std::string_view keyword) {
  DcmTag tag;
  if (DcmTag::findTagFromName(std::string(keyword).c_str(), tag).bad())
    return InvalidError(
        std::string(keyword), "no DICOM element is called so",
        "a keyword of the standard, as BodyPartExamined, or (gggg,eeee)");
  return DicomTag{tag.getGTag(), tag.getETag()};
}

constexpr DicomModule kModule = {DecodeDicomFile, ReadTexts, FindKeyword};

}  // namespace
}  // namespace besom::stages

/// Called once; null when DCMTK's dictionary is missing.
extern "C" __attribute__((visibility("default")))
const besom::stages::DicomModule*
besom_dicom_module() {
  return besom::stages::PrepareDicomLibrary() ? &besom::stages::kModule
                                              : nullptr;
}
