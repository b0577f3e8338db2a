#include "pipeline/cli/machine/shell_environment.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

namespace besom::cli {
namespace {

std::string Folders(const ShellEnvironment& environment) {
  std::string folders;
  for (const std::string& folder :
       {environment.launcher_folder, environment.mpirun_folder}) {
    if (folder.empty()) continue;
    if (!folders.empty()) folders += ':';
    folders += folder;
  }
  return folders;
}

/// Settings under which a plain mpirun starts on any number of cores.
std::vector<std::pair<std::string, std::string>> MpiSettings(
    const ShellEnvironment& environment) {
  // More ranks than cores, none of them bound to a core (PRRTE's parameters;
  // mpirun reads them in place of --map-by and --bind-to).
  std::vector<std::pair<std::string, std::string>> settings = {
      {"PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"},
      {"PRTE_MCA_hwloc_default_binding_policy", "none"}};
  // On one host these need no probing of networks, which takes a second.
  if (!environment.several_nodes) {
    settings.emplace_back("OMPI_MCA_pml", "ob1");
    settings.emplace_back("OMPI_MCA_btl", "sm,tcp,self");
  }
  if (environment.as_root) {
    settings.emplace_back("OMPI_ALLOW_RUN_AS_ROOT", "1");
    settings.emplace_back("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
  }
  return settings;
}

}  // namespace

std::string ShellWord(std::string_view text) {
  const bool plain =
      !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
               std::string_view("_-./:,+@%=").find(c) != std::string_view::npos;
      });
  if (plain) return std::string(text);
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'')
      word += "'\\''";
    else
      word += c;
  }
  return word + "'";
}

std::string ExportLines(const ShellEnvironment& environment) {
  std::string lines;
  const auto found = environment.variables.find("PATH");
  const std::string path =
      found == environment.variables.end() ? "" : found->second;
  const std::string folders = Folders(environment);
  if (!folders.empty() && path != folders &&
      path.compare(0, folders.size() + 1, folders + ":") != 0)
    lines += "export PATH=" + ShellWord(folders) + "${PATH:+:\"$PATH\"};\n";
  for (const auto& [name, value] : MpiSettings(environment)) {
    if (environment.variables.count(name) == 0)
      lines += "export " + name + "=" + ShellWord(value) + ";\n";
  }
  // What the launcher was told stays true in the shell that evaluates this.
  for (const char* name :
       {"BESOM_WEIGHTS", "BESOM_MPI", "LIBTORCH_ROOT", "NCCL_ROOT"}) {
    const auto variable = environment.variables.find(name);
    if (variable != environment.variables.end())
      lines += std::string("export ") + name + "=" +
               ShellWord(variable->second) + ";\n";
  }
  return lines;
}

}  // namespace besom::cli
