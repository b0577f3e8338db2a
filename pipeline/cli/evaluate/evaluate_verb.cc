#include <memory>

#include "pipeline/cli/evaluate/evaluate_arguments.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/run_arguments.h"
#include "pipeline/cli/sweep_verbs.h"
#include "pipeline/cli/worker_program.h"

namespace besom::cli {

void AddEvaluateVerb(CLI::App& app, const GlobalOptions& global,
                     VerbAction& action) {
  CLI::App* verb = app.add_subcommand(
      "evaluate",
      "Evaluate a trial on a held-out set that its sweep does not "
      "name");
  const auto arguments = std::make_shared<EvaluateArguments>();
  AddEvaluateOptions(*verb, *arguments);
  verb->callback([arguments, &global, &action] {
    action = [arguments, &global] {
      arguments->workspace = WorkspaceOf(global);
      return ReportStatus(ExecWorker(arguments->ForWorker()));
    };
  });
}

}  // namespace besom::cli
