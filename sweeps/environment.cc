#include "sweeps/environment.h"

#include <cstdlib>
#include <system_error>

namespace besom::sweeps {

Environment ProcessEnvironment() {
  Environment environment;
  environment.variable =
      [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
  environment.kind = [](const Path& path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (std::filesystem::is_directory(status)) return PathKind::kFolder;
    if (std::filesystem::exists(status)) return PathKind::kFile;
    return PathKind::kMissing;
  };
  return environment;
}

}  // namespace besom::sweeps
