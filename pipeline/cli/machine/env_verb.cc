#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "pipeline/cli/machine/machine_verbs.h"
#include "pipeline/cli/machine/shell_environment.h"

extern char** environ;

namespace besom::cli {
namespace {

std::map<std::string, std::string> OwnVariables() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

std::string FolderOf(const std::map<std::string, std::string>& variables,
                     const std::string& name) {
  const auto found = variables.find(name);
  return found == variables.end()
             ? ""
             : std::filesystem::path(found->second).parent_path().string();
}

int PrintEnvironment(bool several_nodes) {
  ShellEnvironment environment;
  environment.variables = OwnVariables();
  environment.launcher_folder =
      FolderOf(environment.variables, "BESOM_LAUNCHER");
  environment.mpirun_folder = FolderOf(environment.variables, "BESOM_MPIRUN");
  environment.as_root = ::geteuid() == 0;
  const auto nodes = environment.variables.find("SLURM_JOB_NUM_NODES");
  environment.several_nodes =
      several_nodes ||
      (nodes != environment.variables.end() && nodes->second != "1");
  fmt::print("{}", ExportLines(environment));
  return 0;
}

}  // namespace

void AddEnvVerb(CLI::App& app, VerbAction& action) {
  CLI::App* verb = app.add_subcommand(
      "env", "Shell settings for a plain mpirun: eval \"$(./besom env)\"");
  const auto several_nodes = std::make_shared<bool>(false);
  verb->add_flag("--several-nodes", *several_nodes,
                 "Leave the choice of network to the site");
  verb->callback([&action, several_nodes] {
    action = [several_nodes] { return PrintEnvironment(*several_nodes); };
  });
}

}  // namespace besom::cli
