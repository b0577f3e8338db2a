// besom: everything that needs neither LibTorch nor MPI, and the launching of
// besom-worker, which needs both.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <exception>

#include "pipeline/cli/looking/looking_verbs.h"
#include "pipeline/cli/machine/machine_verbs.h"
#include "pipeline/cli/reading/reading_verbs.h"
#include "pipeline/cli/slurm/slurm_verbs.h"
#include "pipeline/cli/sweep_verbs.h"
#include "pipeline/cli/verb.h"

namespace besom::cli {
namespace {

int Main(int argc, char** argv) {
  CLI::App app{
      "Runs hyperparameter sweeps of transfer-learning experiments as one "
      "shared computation",
      "besom"};
  GlobalOptions global;
  VerbAction action;
  app.add_option("-w,--workspace", global.workspace,
                 "Folder of results; default $BESOM_WORKSPACE or ./besom-runs");
  app.set_version_flag("--version", std::string("besom ") + BESOM_VERSION);
  app.fallthrough();
  app.require_subcommand(1);
  AddRunVerb(app, global, action);
  AddPlanVerb(app, global, action);
  AddDataVerb(app, global, action);
  AddStatusVerb(app, global, action);
  AddQueryVerb(app, global, action);
  AddBestVerb(app, global, action);
  AddShowVerb(app, global, action);
  AddCompareVerb(app, global, action);
  AddReportVerb(app, global, action);
  AddMistakesVerb(app, global, action);
  AddPredictVerb(app, global, action);
  AddEvaluateVerb(app, global, action);
  AddSaliencyVerb(app, global, action);
  AddExportVerb(app, global, action);
  AddGcVerb(app, global, action);
  AddWeightsVerb(app, action);
  AddInitVerb(app, action);
  AddDoctorVerb(app, global, action);
  AddEnvVerb(app, action);
  AddCompletionVerb(app, action);
  AddSubmitVerb(app, global, action);
  AddCancelVerb(app, global, action);
  AddLauncherVerbs(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return action();
}

}  // namespace
}  // namespace besom::cli

int main(int argc, char** argv) {
  try {
    return besom::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "besom: bug: %s\n", error.what());
    return 70;
  }
}
