#include <memory>

#include "pipeline/cli/export/export_arguments.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/run_arguments.h"
#include "pipeline/cli/sweep_verbs.h"
#include "pipeline/cli/worker_program.h"

namespace besom::cli {

void AddExportVerb(CLI::App& app, const GlobalOptions& global,
                   VerbAction& action) {
  CLI::App* verb = app.add_subcommand(
      "export", "Write a trial's model for other programs, with a model card");
  const auto arguments = std::make_shared<ExportArguments>();
  AddExportOptions(*verb, *arguments);
  verb->callback([arguments, &global, &action] {
    action = [arguments, &global] {
      arguments->workspace = WorkspaceOf(global);
      return ReportStatus(ExecWorker(arguments->ForWorker()));
    };
  });
}

}  // namespace besom::cli
