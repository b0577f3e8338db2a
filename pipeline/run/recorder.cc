#include "pipeline/run/recorder.h"

#include <limits>
#include <utility>

namespace besom::run {

TrialsByTask::TrialsByTask(const SweepGraph& sweep, TaskId PlannedFit::*part)
    : begin_(sweep.graph.size() + 1) {
  for (const PlannedTrial& trial : sweep.trials)
    for (const PlannedFit& fit : trial.fits) ++begin_[fit.*part + 1];
  for (std::size_t i = 1; i < begin_.size(); ++i) begin_[i] += begin_[i - 1];
  trials_.resize(begin_.back());
  std::vector<std::size_t> next(begin_.begin(), begin_.end() - 1);
  for (std::size_t trial = 0; trial < sweep.trials.size(); ++trial)
    for (const PlannedFit& fit : sweep.trials[trial].fits)
      trials_[next[fit.*part]++] = trial;
}

Recorder::Recorder(const SweepGraph& sweep, RecordSink& sink,
                   const Clock& clock)
    : sink_(sink),
      clock_(clock),
      outputs_(sweep.graph.size()),
      evaluates_(sweep, &PlannedFit::evaluate),
      tunes_(sweep, &PlannedFit::fine_tune),
      counted_(sweep.graph.size()),
      states_(sweep.trials.size(), db::TrialState::kPending) {
  fits_left_.reserve(sweep.trials.size());
  for (const PlannedTrial& trial : sweep.trials)
    fits_left_.push_back(trial.fits.size());
}

Status Recorder::FindDone() {
  BESOM_ASSIGN_OR_RETURN(states_, sink_.TrialStates());
  // A trial that failed in another run may fail anew in this one.
  for (db::TrialState& state : states_)
    if (state != db::TrialState::kDone) state = db::TrialState::kPending;
  BESOM_ASSIGN_OR_RETURN(const auto known, sink_.FindKnown());
  for (TaskId task = 0; task < known.size(); ++task)
    if (known[task]) outputs_[task] = known[task]->outputs;
  for (TaskId task = 0; task < known.size(); ++task) {
    if (!known[task]) continue;
    // What cannot be read is not done: it is made again.
    const Status status = TaskFound(task, *known[task]);
    if (status.code() == StatusCode::kInternal) return status;
  }
  return Flush();
}

Status Recorder::TaskDone(const TaskReport& report, int rank) {
  // The sink reads what the task left through outputs().
  outputs_[report.task] = report.outputs;
  const Status status = TaskNotDone(report, rank, "done");
  if (status.ok())
    CountFits(report.task);
  else
    outputs_[report.task].reset();
  return status;
}

Status Recorder::TaskFound(TaskId task, const KnownTask& known) {
  outputs_[task] = known.outputs;
  NoteWaiting();
  const Status status = sink_.AddFound(task, known);
  if (status.ok())
    CountFits(task);
  else
    outputs_[task].reset();
  return status;
}

Status Recorder::TaskNotDone(const TaskReport& report, int rank,
                             std::string_view how) {
  NoteWaiting();
  return sink_.AddAttempt({report, rank, how});
}

void Recorder::CountFits(TaskId task) {
  if (counted_[task]) return;
  counted_[task] = true;
  for (const std::size_t trial : evaluates_[task]) {
    if (--fits_left_[trial] > 0) continue;
    ++trials_done_;
    if (std::exchange(states_[trial], db::TrialState::kDone) !=
        db::TrialState::kDone)
      sink_.AddTrial(trial, db::TrialState::kDone, "");
  }
}

void Recorder::TrialsFailed(const std::vector<TaskId>& tasks,
                            const Status& cause) {
  for (const TaskId task : tasks) {
    for (const std::size_t trial : evaluates_[task]) {
      if (std::exchange(states_[trial], db::TrialState::kFailed) ==
          db::TrialState::kFailed)
        continue;
      failed_.emplace_back(trial, cause.ToString());
      NoteWaiting();
      sink_.AddTrial(trial, db::TrialState::kFailed, cause.ToString());
    }
  }
}

void Recorder::TrialRunning(TaskId fine_tune) {
  for (const std::size_t trial : tunes_[fine_tune]) {
    if (states_[trial] != db::TrialState::kPending) continue;
    states_[trial] = db::TrialState::kRunning;
    NoteWaiting();
    sink_.AddTrial(trial, db::TrialState::kRunning, "");
  }
}

void Recorder::NothingRuns() {
  for (std::size_t trial = 0; trial < states_.size(); ++trial) {
    if (states_[trial] != db::TrialState::kRunning) continue;
    states_[trial] = db::TrialState::kPending;
    NoteWaiting();
    sink_.AddTrial(trial, db::TrialState::kPending, "");
  }
}

void Recorder::Event(std::string_view kind, Json text) {
  NoteWaiting();
  sink_.AddEvent(kind, std::move(text));
}

void Recorder::NoteWaiting() {
  if (!oldest_) oldest_ = clock_.Monotonic();
}

double Recorder::SecondsToFlush() const {
  if (!oldest_) return std::numeric_limits<double>::infinity();
  return *oldest_ + kCommitWindow - clock_.Monotonic();
}

Status Recorder::FlushIfDue() {
  return SecondsToFlush() <= 0 ? Flush() : Status::Ok();
}

Status Recorder::Flush() {
  if (!oldest_) return Status::Ok();
  BESOM_RETURN_IF_ERROR(sink_.Commit());
  oldest_.reset();
  return Status::Ok();
}

}  // namespace besom::run
