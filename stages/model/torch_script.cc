#include "stages/model/torch_script.h"

#include <algorithm>
#include <cstring>

namespace besom::stages {
namespace {

// PKWARE APPNOTE 6.3.10, sections 4.3.14 to 4.3.16: the records after a ZIP
// archive's directory, all little-endian. LibTorch writes no comment after the
// last, so it ends the file.
constexpr std::size_t kEndRecord = 22;
constexpr std::size_t kZip64Records = 56 + 20;
constexpr std::size_t kDirectorySize = 12;  // Place in the end record.
constexpr std::string_view kEndMark("PK\5\6", 4);
constexpr std::string_view kFileMark("PK\3\4", 4);

/// The bytes that hold the directory of a ZIP archive, its names among them;
/// empty when `bytes` are no whole one.
std::string_view DirectoryOf(std::string_view bytes) {
  if (bytes.size() < kEndRecord || !bytes.starts_with(kFileMark)) return {};
  const std::string_view end = bytes.substr(bytes.size() - kEndRecord);
  if (!end.starts_with(kEndMark)) return {};
  std::uint32_t size = 0;
  std::memcpy(&size, end.data() + kDirectorySize, sizeof(size));
  const std::size_t tail =
      std::min(bytes.size(), std::size_t{size} + kEndRecord + kZip64Records);
  return bytes.substr(bytes.size() - tail);
}

}  // namespace

Path TorchScriptOf(const Json& model) {
  const Json& backbone = model.at("backbone");
  if (!backbone.is_object()) return {};
  return backbone.at(std::string(kTorchScript)).get<std::string>();
}

std::string BackboneOf(const Json& model) {
  const Json& backbone = model.at("backbone");
  return backbone.is_object() ? std::string(kTorchScript)
                              : backbone.get<std::string>();
}

std::string BackboneTitle(const Json& model) {
  const Path file = TorchScriptOf(model);
  return file.empty() ? BackboneOf(model) : file.filename().string();
}

Result<WeightsInfo> ResolveTorchScript(const Path& file,
                                       const DigestFunction& digest) {
  const std::string place = "model.backbone (" + file.string() + ")";
  const auto mapped = MappedFile::Open(file);
  if (!mapped.ok())
    return InvalidError(place, mapped.status().cause(),
                        "name a file of torch.jit.script(model).save(FILE)");
  const auto bytes = (*mapped)->bytes();
  // Every such archive holds its constants; one of torch.save does not.
  const bool fits =
      DirectoryOf({reinterpret_cast<const char*>(bytes.data()), bytes.size()})
          .find("/constants.pkl") != std::string_view::npos;
  if (!fits || (*mapped)->faulted())
    return InvalidError(place, "is no whole archive of TorchScript",
                        "save it with torch.jit.script(model).save(FILE)");
  BESOM_ASSIGN_OR_RETURN(const Digest found, digest(file));
  return WeightsInfo{.backbone = file.filename().string(),
                     .weights = file.string(),
                     .path = file,
                     .digest = found.Hex(),
                     .preprocessing = Preprocessing::Torchvision()};
}

std::int64_t ForeseenMultiplyAdds(int size) {
  constexpr std::int64_t kResNet50 = 4'090'000'000;  // At 224 x 224.
  return kResNet50 * size * size / (224 * 224);
}

}  // namespace besom::stages
