#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>

#include "pipeline/base/files.h"
#include "stages/data/dicom/module.h"

namespace besom::stages {
namespace {

constexpr const char* kFile = "libbesom-dicom.so";  // Beside the program.

Result<const DicomModule*> Load() {
  std::error_code error;  // Without /proc the path is relative; not found.
  const Path path =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path() /
      kFile;
  const auto unusable = [&](std::string cause) {
    return Status(StatusCode::kUnavailable, path.string(), std::move(cause),
                  "call `./besom build`, or leave DICOM files out");
  };
  // Never closed: DCMTK's registered decoders live until the end.
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* told = ::dlerror();
    return unusable(fmt::format("DICOM cannot be read: {}",
                                told == nullptr ? "unknown error" : told));
  }
  auto* const get = reinterpret_cast<DicomModuleFunction*>(
      ::dlsym(library, kDicomModuleFunction));
  if (get == nullptr) return unusable("is not besom's library for DICOM");
  const DicomModule* module = get();
  if (module == nullptr)
    return unusable("DICOM cannot be read: the dictionary of DCMTK is missing");
  return module;
}

}  // namespace

Result<const DicomModule*> LoadDicomModule() {
  static const Result<const DicomModule*> module = Load();
  return module;
}

}  // namespace besom::stages
