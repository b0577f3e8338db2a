#include "pipeline/cli/machine/completion_script.h"

#include <fmt/format.h>

#include <vector>

namespace besom::cli {
namespace {

/// The words that may follow `app`: its subcommands and its options.
std::string WordsOf(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::App* verb : app.get_subcommands(nullptr))
    words.push_back(verb->get_name());
  for (const CLI::Option* option : app.get_options(nullptr)) {
    for (const std::string& name : option->get_lnames())
      words.push_back("--" + name);
    for (const std::string& name : option->get_snames())
      words.push_back("-" + name);
  }
  return fmt::format("{}", fmt::join(words, " "));
}

/// One `PATH) words ;;` line for `app` and each subcommand below it.
void AppendCases(const CLI::App& app, const std::string& path,
                 std::string& cases) {
  cases += fmt::format("    '{}') words='{}' ;;\n", path, WordsOf(app));
  for (const CLI::App* verb : app.get_subcommands(nullptr))
    AppendCases(*verb,
                path.empty() ? verb->get_name() : path + " " + verb->get_name(),
                cases);
}

/// All paths of subcommands, as alternatives of a shell pattern.
void AppendPaths(const CLI::App& app, const std::string& path,
                 std::vector<std::string>& paths) {
  for (const CLI::App* verb : app.get_subcommands(nullptr)) {
    const std::string below =
        path.empty() ? verb->get_name() : path + " " + verb->get_name();
    paths.push_back("'" + below + "'");
    AppendPaths(*verb, below, paths);
  }
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::string cases;
  AppendCases(app, "", cases);
  std::vector<std::string> paths;
  AppendPaths(app, "", paths);
  // A word belongs to the path of verbs when the path with it is a verb;
  // other words are options and their values.
  return fmt::format(
      "_{0}_complete() {{\n"
      "  local word path='' next words=''\n"
      "  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "    next=\"${{path:+$path }}$word\"\n"
      "    case \"$next\" in\n"
      "    {1}) path=$next ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$path\" in\n"
      "{2}"
      "  esac\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- "
      "\"${{COMP_WORDS[COMP_CWORD]}}\")\n"
      "}}\n"
      "complete -o default -F _{0}_complete {0} ./{0}\n",
      app.get_name(), fmt::join(paths, "|"), cases);
}

}  // namespace besom::cli
