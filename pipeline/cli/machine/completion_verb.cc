#include <fmt/core.h>

#include "pipeline/cli/machine/completion_script.h"
#include "pipeline/cli/machine/machine_verbs.h"

namespace besom::cli {

void AddCompletionVerb(CLI::App& app, VerbAction& action) {
  CLI::App* verb = app.add_subcommand(
      "completion", "Shell completion: source <(./besom completion bash)");
  const auto shell = std::make_shared<std::string>();
  verb->add_option("shell", *shell, "bash or zsh")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
  verb->callback([&app, &action, shell] {
    action = [&app, shell] {
      // zsh runs bash's completions through its own adapter.
      if (*shell == "zsh")
        fmt::print("autoload -U +X bashcompinit && bashcompinit\n");
      fmt::print("{}", BashCompletion(app));
      return 0;
    };
  });
}

}  // namespace besom::cli
