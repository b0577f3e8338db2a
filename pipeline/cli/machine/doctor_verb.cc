#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>

#include "cluster/cpu.h"
#include "cluster/device_map.h"
#include "pipeline/cli/machine/machine_facts.h"
#include "pipeline/cli/machine/machine_verbs.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/weights_store.h"

namespace besom::cli {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// The launcher names it; else it lies beside this program.
std::string WorkerProgram() {
  const std::string named = Variable("BESOM_WORKER");
  if (!named.empty()) return named;
  std::error_code ignored;
  return (std::filesystem::read_symlink("/proc/self/exe", ignored)
              .parent_path() /
          "besom-worker")
      .string();
}

std::vector<std::string> PresentWeights() {
  std::vector<std::string> present;
  for (const std::string& backbone : stages::BackboneNames()) {
    if (StatFile(stages::WeightsPath(backbone)).ok())
      present.push_back(backbone);
  }
  return present;
}

std::vector<std::string> GpuUuids() {
  std::vector<std::string> uuids;
  for (const cluster::Gpu& gpu : cluster::MachineGpus(cluster::kDriverFolder))
    uuids.push_back(gpu.uuid);
  return uuids;
}

int RunDoctor(const std::string& workspace, bool json) {
  const MachineFacts facts{.cores = cluster::UsableCores(),
                           .memory = ReadMemory(),
                           .gpus = GpuUuids(),
                           .capabilities = WorkerCapabilities(WorkerProgram()),
                           .mpirun = Variable("BESOM_MPIRUN"),
                           .weights = PresentWeights(),
                           .weights_folder = stages::WeightsFolder(),
                           .workspace = ReadWorkspace(workspace)};
  const std::vector<Finding> findings = JudgeMachine(facts);
  if (json)
    fmt::print("{}\n", FindingsJson(findings).dump(2));
  else
    fmt::print("{}", FindingsTable(findings));
  return DoctorExitCode(findings);
}

}  // namespace

void AddDoctorVerb(CLI::App& app, const GlobalOptions& globals,
                   VerbAction& action) {
  CLI::App* verb = app.add_subcommand(
      "doctor", "What this machine can do, and what it lacks");
  const auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json, "The same as JSON");
  verb->callback([&globals, &action, json] {
    action = [&globals, json] {
      std::string workspace = globals.workspace;
      if (workspace.empty()) workspace = Variable("BESOM_WORKSPACE");
      return RunDoctor(workspace.empty() ? "besom-runs" : workspace, *json);
    };
  });
}

}  // namespace besom::cli
