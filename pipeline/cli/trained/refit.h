#pragma once

#include <string>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/trained/trained_trial.h"

namespace besom::cli {

/// The trial with the head of its refit (refit_plan.h) in place of those of its
/// fits. The first call trains it, by the stages that trained the fits and from
/// the features that the store keeps, and records it as an action of its sweep;
/// later ones find it. On stderr it says that the refit has no held-out figures
/// of its own. Needs the right to write to the workspace.
///
/// Errors: as FindTrialModel; kNotFound with the cure when the features are not
/// in the store any more; kUnavailable when this machine cannot compute what is
/// to be computed; kInterrupted while `besom gc` runs.
Result<TrainedTrial> LoadRefittedTrial(const Path& workspace,
                                       const std::string& sweep,
                                       const std::string& trial);

/// With `refit` LoadRefittedTrial, else LoadTrainedTrial.
Result<TrainedTrial> LoadFitsOrRefit(const Path& workspace,
                                     const std::string& sweep,
                                     const std::string& trial, bool refit);

}  // namespace besom::cli
