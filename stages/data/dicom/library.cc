#include "stages/data/dicom/library.h"

#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmimage/diregist.h>  // Makes DicomImage know colours.
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <fmt/format.h>

#include <string_view>

#include "stages/data/decode_formats.h"

namespace besom::stages {
namespace {

/// The decoders that DCMTK knows while this lives.
struct Decoders {
  Decoders() {
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
    DcmRLEDecoderRegistration::registerCodecs();
  }
  ~Decoders() {
    DcmRLEDecoderRegistration::cleanup();
    DJLSDecoderRegistration::cleanup();
    DJDecoderRegistration::cleanup();
  }
  Decoders(const Decoders&) = delete;
  Decoders& operator=(const Decoders&) = delete;
};

}  // namespace

bool PrepareDicomLibrary() {
  OFLog::configure(OFLogger::OFF_LOG_LEVEL);
  static const Decoders decoders;  // Until the process ends.
  return dcmDataDict.isDictionaryLoaded();
}

Result<std::unique_ptr<DcmFileFormat>> ParseDicom(
    std::span<const std::byte> bytes) {
  DcmInputBufferStream stream;
  stream.setBuffer(bytes.data(), static_cast<offile_off_t>(bytes.size()));
  stream.setEos();
  auto file = std::make_unique<DcmFileFormat>();
  file->transferInit();
  const OFCondition read = file->read(stream, EXS_Unknown, EGL_noChange);
  file->transferEnd();
  if (read.bad())
    return BadImage(fmt::format("damaged DICOM: {}", read.text()));
  return file;
}

std::string DicomText(DcmItem& item, const DcmTagKey& tag) {
  OFString text;
  if (item.findAndGetOFStringArray(tag, text).bad()) return "";
  const std::string value(text.c_str(), text.size());
  constexpr std::string_view kPadding(" \0", 2);
  const std::size_t first = value.find_first_not_of(kPadding);
  if (first == std::string::npos) return "";
  return value.substr(first, value.find_last_not_of(kPadding) - first + 1);
}

}  // namespace besom::stages
