#include <memory>

#include "pipeline/cli/predict_arguments.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/run_arguments.h"
#include "pipeline/cli/sweep_verbs.h"
#include "pipeline/cli/worker_program.h"

namespace besom::cli {

void AddPredictVerb(CLI::App& app, const GlobalOptions& global,
                    VerbAction& action) {
  CLI::App* verb =
      app.add_subcommand("predict", "Classify image files with a trial");
  const auto arguments = std::make_shared<PredictArguments>();
  AddPredictOptions(*verb, *arguments);
  verb->callback([arguments, &global, &action] {
    action = [arguments, &global] {
      arguments->workspace = WorkspaceOf(global);
      return ReportStatus(ExecWorker(arguments->ForWorker()));
    };
  });
}

}  // namespace besom::cli
