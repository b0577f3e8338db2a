#include <memory>

#include "pipeline/cli/looking/looking_verbs.h"
#include "pipeline/cli/looking/saliency_arguments.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/run_arguments.h"
#include "pipeline/cli/worker_program.h"

namespace besom::cli {

void AddSaliencyVerb(CLI::App& app, const GlobalOptions& global,
                     VerbAction& action) {
  CLI::App* verb = app.add_subcommand(
      "saliency", "Draw what in an image speaks for a class (Grad-CAM)");
  const auto arguments = std::make_shared<SaliencyArguments>();
  AddSaliencyOptions(*verb, *arguments);
  verb->callback([arguments, &global, &action] {
    action = [arguments, &global] {
      arguments->workspace = WorkspaceOf(global);
      return ReportStatus(ExecWorker(arguments->ForWorker()));
    };
  });
}

}  // namespace besom::cli
