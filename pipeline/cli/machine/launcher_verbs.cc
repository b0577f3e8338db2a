#include <string>
#include <utility>

#include "pipeline/cli/machine/machine_verbs.h"
#include "pipeline/cli/machine/report_error.h"

namespace besom::cli {

void AddLauncherVerbs(CLI::App& app, VerbAction& action) {
  const std::pair<const char*, const char*> verbs[] = {
      {"demo", "Prepare, run a sweep on drawn images, print what came out"},
      {"test", "Prepare, build everything and run all tests"},
      {"build", "Prepare and build, nothing else"}};
  for (const auto& [name, help] : verbs) {
    CLI::App* verb = app.add_subcommand(name, help);
    verb->allow_extras();
    verb->callback([&action, name = std::string(name)] {
      action = [name] {
        return ReportError(InvalidError(
            name, "the launcher does this, not the program that it built",
            "call `besom` at the top of the checkout"));
      };
    });
  }
}

}  // namespace besom::cli
