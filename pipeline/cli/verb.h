#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <string>

namespace besom::cli {

/// Options that stand before or after every verb.
struct GlobalOptions {
  std::string workspace;  ///< -w; default $BESOM_WORKSPACE or ./besom-runs.
};

/// Set by the verb that was named on the command line; returns the exit code
/// of the program (INTERFACE: "Exit codes").
using VerbAction = std::function<int()>;

// Each AddVerb function (one file per verb) adds a subcommand to `app` with
// its options and help, and in the subcommand's callback sets `action`. Both
// references outlive the parse and the action. Output of the verb goes to
// stdout, everything else to stderr.

}  // namespace besom::cli
