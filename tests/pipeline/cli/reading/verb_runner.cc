#include "tests/pipeline/cli/reading/verb_runner.h"

#include <gtest/gtest.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>

#include "pipeline/cli/reading/reading_verbs.h"

namespace besom::cli::testing {

Outcome RunVerb(const std::string& workspace,
                const std::vector<std::string>& arguments) {
  CLI::App app;
  GlobalOptions global{workspace};
  VerbAction action;
  app.fallthrough();
  app.require_subcommand(1);  // So that `best` can be an argument of a verb.
  AddStatusVerb(app, global, action);
  AddQueryVerb(app, global, action);
  AddBestVerb(app, global, action);
  AddShowVerb(app, global, action);
  AddCompareVerb(app, global, action);
  AddReportVerb(app, global, action);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome;
  try {
    // CLI11 takes the arguments in reverse.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    outcome.code = action();
  } catch (const CLI::ParseError& error) {
    outcome.code = app.exit(error) == 0 ? 0 : 2;
  }
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

}  // namespace besom::cli::testing
