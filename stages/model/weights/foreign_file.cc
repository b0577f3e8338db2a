#include "stages/model/weights/foreign_file.h"

#include <fmt/format.h>

#include <cstdlib>

#include "pipeline/base/subprocess.h"

namespace besom::stages {
namespace {

constexpr const char* kFormats =
    "give torch's .pth, .npz, Keras's .h5, .onnx or .safetensors";

/// A file that is removed at the end, whatever happens.
class ScratchFile {
 public:
  explicit ScratchFile(Path path) : path_(std::move(path)) {}
  ~ScratchFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const Path& path() const { return path_; }

 private:
  Path path_;
};

Status RunReader(const Path& file, const Path& target) {
  const char* chosen = std::getenv("BESOM_WEIGHTS_PYTHON");
  const std::string python =
      chosen != nullptr && *chosen ? chosen : BESOM_PYTHON;
  const auto outcome =
      RunProcess({python, "-I", BESOM_WEIGHTS_READER,
                  std::filesystem::absolute(file).string(), target.string()});
  const std::string cure =
      "call `./besom build`: it brings the Python "
      "environment that reads these files";
  if (!outcome.ok())
    return Status(StatusCode::kUnavailable, python, outcome.status().cause(),
                  cure);
  std::string said = outcome->output;
  while (said.ends_with('\n')) said.pop_back();
  if (outcome->exit_code == 0) return Status::Ok();
  if (outcome->exit_code == 2)
    return InvalidError(file.string(), said, kFormats);
  if (outcome->exit_code == 4)
    return Status(StatusCode::kUnavailable, file.string(), said, cure);
  if (outcome->signal != 0)
    return InvalidError(
        file.string(),
        fmt::format("what reads it was ended by signal {}: it is damaged or "
                    "prepared to do harm",
                    outcome->signal),
        kFormats);
  return IoError(
      file.string(),
      fmt::format("what reads it ended with exit code {}", outcome->exit_code),
      cure);
}

}  // namespace

Result<Safetensors> OpenForeignWeights(const Path& file, const Path& scratch) {
  const auto stat = StatFile(file);
  if (!stat.ok())
    return InvalidError(file.string(), stat.status().cause(), kFormats);
  if (file.extension() == ".safetensors") {
    auto opened = Safetensors::OpenFile(file);
    if (opened.ok()) return opened;
    return InvalidError(file.string(), opened.status().cause(),
                        "name a whole .safetensors file");
  }
  BESOM_RETURN_IF_ERROR(MakeFolders(scratch));
  BESOM_RETURN_IF_ERROR(RemoveDeadTemporaries(scratch).status());
  const ScratchFile raw(TemporaryFor(scratch / "raw"));
  BESOM_RETURN_IF_ERROR(RunReader(file, raw.path()));
  return Safetensors::OpenFile(raw.path());
}

}  // namespace besom::stages
