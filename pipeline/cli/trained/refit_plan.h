#pragma once

#include <map>
#include <vector>

#include "pipeline/base/result.h"
#include "pipeline/graph/task_graph.h"
#include "pipeline/run/planner.h"
#include "stages/data/split_table.h"

namespace besom::cli {

// What a refit is, without running anything: one network in place of a trial's
// fits, trained on all images that any of them trained or validated on. Pure.

/// The sweep's split as a refit has it: one fit, whose training images are
/// those that any fit trained or validated on; nothing is validated or tested.
/// Images that all fits test on, and external ones, are in no set.
stages::SplitTable RefitSplit(const stages::SplitTable& split);

/// Whether a refit trains on images that no fit trained on, whose augmented
/// views the sweep so did not make.
bool TrainsOnMore(const stages::SplitTable& split);

/// How long a refit trains: the rounded mean (halves up) of the number of
/// epochs after which the fits' weights were kept. `chosen`: their chosen
/// epochs, from 0. REQUIRES: there is one.
int RefitEpochs(const std::vector<int>& chosen);

/// The trial's own plan and the tasks of its refit, which come after.
struct RefitPlan {
  TaskGraph graph;
  TaskId first = 0;        ///< Of the refit's own tasks.
  TaskId sweep_split = 0;  ///< "split": the sweep's.
  TaskId refit_split = 0;  ///< Made of it by RefitSplit; no stage runs it.
  /// "features" of views, and for each the sweep's own of the same images,
  /// whose rows are among them.
  std::map<TaskId, TaskId> views;
  TaskId fine_tune = 0;
};

/// `sweep`: of PlanAgain. The refit is a task of the stage fine_tune whose
/// params are those of the trial's first fit, except for `train`: it goes on
/// for `epochs`, does not stop early and keeps the last epoch. A schedule that
/// takes its length from train.epochs takes it from `epochs`, as if the trial
/// had been trained for so long from the start: its last epoch is what is kept,
/// and a schedule that were cut off would leave it at a learning rate that the
/// fits had only on their way. `more_views`: makes the views of TrainsOnMore,
/// too.
/// kInvalid for `train.schedule: plateau`, which asks validation images.
Result<RefitPlan> PlanRefit(const run::SweepGraph& sweep, int epochs,
                            bool more_views);

}  // namespace besom::cli
