#pragma once

#include "pipeline/cli/verb.h"

namespace besom::cli {

// Verbs about the machine rather than about a sweep. None of them links
// LibTorch or MPI: what only those can tell comes from running
// `besom-worker --capabilities`. See verb.h for what an AddVerb function does.

/// `doctor [--json]`: what this machine can do. Exit code 0 when a sweep can
/// run here, 4 when something that every sweep needs is missing.
void AddDoctorVerb(CLI::App& app, const GlobalOptions& globals,
                   VerbAction& action);

/// `env`: lines of POSIX shell that put `besom` and the right `mpirun` on the
/// PATH, for `eval "$(./besom env)"`.
void AddEnvVerb(CLI::App& app, VerbAction& action);

/// `weights list|path NAME|fetch NAME...|import FILE`. Only `fetch` asks the
/// network.
void AddWeightsVerb(CLI::App& app, VerbAction& action);

/// `init DIR [-o FILE]`: a starter YAML for a folder of images. Never
/// overwrites.
void AddInitVerb(CLI::App& app, VerbAction& action);

/// `completion bash|zsh`: a completion script made from the verbs and options
/// that `app` holds when the action runs, so it may be added at any point.
void AddCompletionVerb(CLI::App& app, VerbAction& action);

/// `demo`, `test`, `build`: names for --help; the launcher runs them itself
/// and the action only says so.
void AddLauncherVerbs(CLI::App& app, VerbAction& action);

}  // namespace besom::cli
