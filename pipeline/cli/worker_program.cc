#include "pipeline/cli/worker_program.h"

#include <unistd.h>

#include <cstdlib>

#include "cluster/launch_environment.h"
#include "pipeline/base/files.h"

namespace besom::cli {

Result<std::string> WorkerProgram() {
  if (const char* named = std::getenv("BESOM_WORKER"); named && *named)
    return std::string(named);
  std::error_code error;
  const Path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const Path worker = self.parent_path() / "besom-worker";
  if (error || ::access(worker.c_str(), X_OK) != 0)
    return Status(StatusCode::kUnavailable, worker.string(),
                  "the computing program is not there",
                  "run ./besom once without mpirun: it builds what is missing");
  return worker.string();
}

void SetWorkerEnvironment() { ::setenv("OMP_WAIT_POLICY", "passive", 0); }

Status ExecWorker(const std::vector<std::string>& arguments) {
  BESOM_ASSIGN_OR_RETURN(const std::string worker, WorkerProgram());
  std::vector<char*> argv = {const_cast<char*>(worker.c_str())};
  for (const std::string& word : arguments)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  SetWorkerEnvironment();
  for (const auto& [name, value] :
       cluster::EnvironmentWithoutMpi(cluster::ProcessEnvironment()))
    ::setenv(name.c_str(), value.c_str(), 0);
  ::execv(worker.c_str(), argv.data());
  return ErrnoError(worker, "start");
}

}  // namespace besom::cli
