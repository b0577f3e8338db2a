#include <memory>

#include "pipeline/cli/print_plan.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/run_arguments.h"
#include "pipeline/cli/sweep_verbs.h"

namespace besom::cli {

void AddPlanVerb(CLI::App& app, const GlobalOptions& global,
                 VerbAction& action) {
  CLI::App* verb = app.add_subcommand(
      "plan", "What a run would do: trials, tasks, what is done, and the time");
  struct State {
    RunArguments arguments;
    PlanOutput output;
  };
  const auto state = std::make_shared<State>();
  AddSpecOptions(*verb, state->arguments);
  verb->add_flag("--explain", state->output.explain,
                 "Say why each stage's work is not done");
  verb->add_flag("--json", state->output.json, "Print JSON");
  verb->add_option("-n,--ranks", state->output.ranks,
                   "Ranks for the predicted time")
      ->check(CLI::Range(1, 100'000));
  verb->callback([state, &global, &action] {
    action = [state, &global] {
      state->arguments.Resolve(global);
      const Result<int> code =
          PrintPlan(state->arguments.options, state->output);
      return code.ok() ? *code : ReportStatus(code.status());
    };
  });
}

}  // namespace besom::cli
