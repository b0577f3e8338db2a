#include "stages/model/engine_loader.h"

#include <dlfcn.h>
#include <unistd.h>

#include <mutex>
#include <string>

namespace besom::stages {
namespace {

constexpr char kFile[] = "libbesom-engines.so";

Status Unusable(const Path& path, std::string cause) {
  return Status(StatusCode::kUnavailable, path.string(), std::move(cause),
                "call `./besom build`; if that does not mend it, run "
                "`besom doctor`");
}

/// The message of the last dl* call that failed, without the path before it.
std::string LastError(const Path& path) {
  const char* told = ::dlerror();
  std::string message = told == nullptr ? "unknown error" : told;
  if (const std::string prefix = path.string() + ": ";
      message.starts_with(prefix))
    message.erase(0, prefix.size());
  return message;
}

/// The library of this program, loaded once. A failure is not remembered:
/// the next attempt of a task may find the disk in order.
Result<const EngineModule*> TheModule() {
  static std::mutex mutex;
  static const EngineModule* loaded = nullptr;
  const std::lock_guard lock(mutex);
  if (loaded == nullptr) {
    BESOM_ASSIGN_OR_RETURN(loaded, LoadEngineModule(EngineModulePath()));
  }
  return loaded;
}

}  // namespace

Path EngineModulePath() {
  std::error_code error;  // Without /proc the path is relative; not found.
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path() /
         kFile;
}

Status FindEngineModule(const Path& path) {
  if (::access(path.c_str(), R_OK) == 0) return Status::Ok();
  return Unusable(path, "the library of engines is not there");
}

Result<const EngineModule*> LoadEngineModule(const Path& path) {
  BESOM_RETURN_IF_ERROR(FindEngineModule(path));
  // Local: what LibTorch and OpenVINO bring with them is for nobody else. Never
  // closed: their threads and static objects last until the process ends.
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    return Unusable(path, "cannot be loaded: " + LastError(path));
  void* entry = ::dlsym(library, kEngineModuleEntry);
  if (entry == nullptr)
    return Unusable(path, "is not besom's library of engines");
  return reinterpret_cast<EngineModuleEntry*>(entry)();
}

Status LoadEngines() { return TheModule().status(); }

Result<Engines> MakeFeatureEngines(const EngineSpec& spec, int lanes) {
  BESOM_ASSIGN_OR_RETURN(const EngineModule* module, TheModule());
  return module->make_engines(spec, lanes);
}

Result<EngineFacts> FindEngineFacts() {
  BESOM_ASSIGN_OR_RETURN(const EngineModule* module, TheModule());
  return module->find_facts();
}

Result<std::unique_ptr<TrainedBase>> MakeTrainedBase(
    const TrainedBaseSpec& spec) {
  BESOM_ASSIGN_OR_RETURN(const EngineModule* module, TheModule());
  return module->make_trained_base(spec);
}

Result<std::string> PackTorchScript(const ScriptProgram& program) {
  BESOM_ASSIGN_OR_RETURN(const EngineModule* module, TheModule());
  return module->pack_torch_script(program);
}

Result<std::unique_ptr<NetworkProbe>> MakeNetworkProbe(
    const ScriptProgram& program, int side, int threads) {
  BESOM_ASSIGN_OR_RETURN(const EngineModule* module, TheModule());
  return module->make_network_probe(program, side, threads);
}

}  // namespace besom::stages
