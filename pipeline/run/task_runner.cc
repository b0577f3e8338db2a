#include "pipeline/run/task_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <new>
#include <utility>

#include "cluster/self_group.h"
#include "pipeline/base/log.h"
#include "pipeline/base/worker_threads.h"
#include "pipeline/store/blob_search.h"
#include "stages/model/numerics_tag.h"

namespace besom::run {
namespace {

/// Outputs that are stored at a time: writing to a disk is waiting for it, and
/// a disk serves several who wait at once.
constexpr int kMostWriters = 8;

/// A report of each task of a request, as yet without a result.
std::vector<TaskReport> ReportsFor(const TaskRequest& request) {
  std::vector<TaskReport> reports(1 + request.companions.size());
  reports[0].task = request.task;
  reports[0].attempt = request.attempt;
  for (std::size_t i = 1; i < reports.size(); ++i) {
    reports[i].task = request.companions[i - 1].task;
    reports[i].attempt = request.companions[i - 1].attempt;
  }
  return reports;
}

/// Whether the work need not be gone on with: done, or so that another attempt
/// would end the same.
bool IsSettled(const Status& status) {
  return status.ok() || status.code() == StatusCode::kFailed ||
         status.code() == StatusCode::kInvalid;
}

}  // namespace

TaskRunner::TaskRunner(BlobStore& store, const stages::StageRegistry& stages,
                       const Clock& clock, RankFacts rank)
    : store_(&store),
      stages_(stages),
      clock_(clock),
      rank_(std::move(rank)),
      threads_(rank_.threads) {}

void TaskRunner::KeepIn(BlobStore& own, BlobCourier& courier) {
  store_ = &own;
  courier_ = &courier;
}

void TaskRunner::Begin(const RunBegins& run, int rank) {
  threads_ = run.threads > 0 ? run.threads : rank_.threads;
  memory_ = run.memory;
  checkpoint_seconds_ = run.checkpoint_seconds;
  Result<Journal> journal =
      Journal::Open(store_->layout().journal(run.run, rank));
  if (journal.ok())
    journal_.emplace(*std::move(journal));
  else
    Log(LogLevel::kWarning, journal.status().ToString());
}

/// A journal that cannot be written costs only what a crash would lose.
void TaskRunner::Note(const Json& record) {
  if (!journal_) return;
  if (const Status status = journal_->Append(record); !status.ok()) {
    Log(LogLevel::kWarning, status.ToString());
    journal_.reset();
  }
}

/// Waits for inputs that other machines have stored and this one cannot see
/// yet. OK also when some stay missing.
Status TaskRunner::AwaitInputs(const TaskRequest& request,
                               const std::function<bool(double)>& progress) {
  std::vector<BlobRef> wanted;
  for (const auto& [port, refs] : request.inputs)
    wanted.insert(wanted.end(), refs.begin(), refs.end());
  for (const CompanionRequest& companion : request.companions)
    wanted.insert(wanted.end(), companion.prior.begin(), companion.prior.end());
  return BlobSearch(*store_)
      .Await(wanted, [&] { return progress(0); })
      .status();
}

/// Maps a blob that this host has, or else rank 0.
Result<Artifact> TaskRunner::Bring(
    const BlobRef& ref, const std::function<bool(double)>& progress) {
  Result<Artifact> here = store_->Get(ref);
  if (here.ok() || courier_ == nullptr) return here;
  BESOM_RETURN_IF_ERROR(courier_->Fetch(ref, [&] { return progress(0); }));
  return store_->Get(ref);
}

/// The file of the weights, where the hints name one.
Status TaskRunner::BringWeights(Json& hints,
                                const std::function<bool(double)>& progress) {
  const auto digest = hints.find("weights_digest");
  if (courier_ == nullptr || digest == hints.end()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(const Digest wanted,
                         Digest::FromHex(digest->get<std::string>()));
  BESOM_ASSIGN_OR_RETURN(
      const Path here,
      courier_->FetchFile(wanted, hints.at("weights_path").get<std::string>(),
                          [&] { return progress(0); }));
  hints["weights_path"] = here.string();
  return Status::Ok();
}

Result<std::vector<Artifact>> TaskRunner::MapPort(
    const std::string& port, const std::vector<BlobRef>& refs,
    const std::function<bool(double)>& progress,
    std::optional<BlobRef>& broken) {
  std::vector<Artifact> inputs;
  for (const BlobRef& ref : refs) {
    Result<Artifact> artifact = Bring(ref, progress);
    if (artifact.status().code() == StatusCode::kInterrupted)
      return artifact.status();
    if (!artifact.ok()) {
      broken = ref;
      return artifact.status().Within(port);
    }
    inputs.push_back(*std::move(artifact));
  }
  return inputs;
}

Result<TaskRunner::TaskInputs> TaskRunner::MapInputs(
    const TaskRequest& request, const std::function<bool(double)>& progress,
    std::optional<BlobRef>& broken) {
  if (courier_ == nullptr && store_->patience().seconds > 0)
    BESOM_RETURN_IF_ERROR(AwaitInputs(request, progress));
  TaskInputs artifacts;
  for (const auto& [port, refs] : request.inputs) {
    BESOM_ASSIGN_OR_RETURN(artifacts.shared[port],
                           MapPort(port, refs, progress, broken));
  }
  const bool any_prior =
      request.inputs.contains(kPriorPort) ||
      std::ranges::any_of(request.companions, [](const CompanionRequest& it) {
        return !it.prior.empty();
      });
  if (!any_prior) return artifacts;
  for (const CompanionRequest& companion : request.companions) {
    ArtifactMap& own = artifacts.own.emplace_back(artifacts.shared);
    BESOM_ASSIGN_OR_RETURN(own[kPriorPort], MapPort(kPriorPort, companion.prior,
                                                    progress, broken));
  }
  return artifacts;
}

/// Null for a task that is not cut into shards.
Result<std::unique_ptr<cluster::Group>> TaskRunner::GroupFor(
    const TaskRequest& request) {
  const int shards = request.params.value("shards", 1);
  if (shards <= 1) return std::unique_ptr<cluster::Group>();
  if (request.ranks.size() <= 1)
    return std::unique_ptr<cluster::Group>(
        std::make_unique<cluster::SelfGroup>(shards));
  if (!rank_.join)
    return InternalError(request.stage, "these ranks cannot form groups");
  return rank_.join(request, shards);
}

/// `still_there` is called with each piece of one that travels.
TaskRunner::Checkpoints TaskRunner::CheckpointsOf(
    const TaskRequest& request,
    const std::function<bool()>& still_there) const {
  Checkpoints checkpoints;
  const auto add = [&](const Digest& key) {
    CheckpointElsewhere elsewhere;
    if (courier_ != nullptr) {
      elsewhere.fetch = [this, key, still_there] {
        return courier_->FetchCheckpoint(key, still_there);
      };
      elsewhere.deliver = [this, key, still_there](std::string_view bytes) {
        return courier_->DeliverCheckpoint(key, bytes, still_there);
      };
    }
    checkpoints.push_back(std::make_unique<CheckpointFile>(
        store_->layout().checkpoint(key), checkpoint_seconds_, clock_,
        std::move(elsewhere)));
  };
  add(request.key);
  for (const CompanionRequest& companion : request.companions)
    add(companion.key);
  return checkpoints;
}

/// The others of a group must not wait for one whom an exception took away.
Result<TaskRunner::Outputs> TaskRunner::RunAll(
    stages::Stage& stage, const TaskRequest& request,
    const TaskInputs& artifacts, const Json& hints,
    const std::function<bool(double)>& progress, const Checkpoints& checkpoints,
    cluster::Group* group) {
  std::vector<stages::StageInput> inputs = {{request.params, hints,
                                             artifacts.of(0), progress, group,
                                             checkpoints.front().get()}};
  for (std::size_t i = 0; i < request.companions.size(); ++i)
    inputs.push_back({request.companions[i].params, hints, artifacts.of(i + 1),
                      progress, nullptr, checkpoints[i + 1].get()});
  try {
    if (inputs.size() == 1) return Outputs{stage.Run(inputs.front())};
    return stage.RunEach(inputs);
  } catch (const std::exception& error) {
    if (group) group->Abort(IoError(std::string(stage.name()), error.what()));
    throw;
  }
}

std::vector<TaskReport> TaskRunner::Decline(const TaskRequest& request) {
  std::vector<TaskReport> reports = ReportsFor(request);
  for (TaskReport& report : reports)
    report.status =
        Status(StatusCode::kInterrupted, request.stage, "asked to stop");
  if (request.ranks.size() <= 1) return reports;
  if (const auto group = GroupFor(request); group.ok() && *group)
    (*group)->Abort(reports.front().status);
  return reports;
}

/// kCorrupt, with the input, when what was read turned out to be damaged.
Status TaskRunner::CheckInputs(const ArtifactMap& artifacts,
                               std::optional<BlobRef>& broken) const {
  for (const auto& [port, inputs] : artifacts) {
    for (const Artifact& input : inputs) {
      const Status unhurt = store_->CheckUnhurt(input);
      if (unhurt.ok()) continue;
      broken = input.ref();
      return unhurt.Within(port);
    }
  }
  return Status::Ok();
}

Status TaskRunner::CheckInputs(const TaskInputs& artifacts,
                               std::optional<BlobRef>& broken) const {
  BESOM_RETURN_IF_ERROR(CheckInputs(artifacts.shared, broken));
  for (const ArtifactMap& own : artifacts.own)
    BESOM_RETURN_IF_ERROR(CheckInputs(own, broken));
  return Status::Ok();
}

Status TaskRunner::Keep(const stages::StageOutput& output, TaskReport& report,
                        const std::function<bool(double)>& progress) {
  for (const auto& [port, bytes] : output.blobs) {
    BESOM_ASSIGN_OR_RETURN(const BlobRef blob, store_->Put(bytes));
    if (courier_ != nullptr)
      BESOM_RETURN_IF_ERROR(
          courier_->Deliver(blob, bytes, [&] { return progress(1); }));
    report.outputs.push_back({port, blob});
  }
  report.counters = output.counters;
  report.counters["threads"] = threads_;
  report.device_peak = output.memory.peak;
  report.device_bytes = output.memory.total;
  return Status::Ok();
}

/// An error is that of all tasks of the request; else each report has its own
/// status.
Status TaskRunner::RunStage(const TaskRequest& request,
                            const std::function<bool(double)>& progress,
                            std::vector<TaskReport>& reports) {
  const auto stage = stages_.find(request.stage);
  if (stage == stages_.end())
    return InternalError(request.stage, "this program has no such stage");
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<cluster::Group> group,
                         GroupFor(request));
  std::optional<BlobRef> broken;
  const auto blame = [&] {
    for (TaskReport& report : reports) report.broken_input = broken;
  };
  Result<TaskInputs> artifacts = MapInputs(request, progress, broken);
  if (!artifacts.ok()) {
    blame();
    if (group) group->Abort(artifacts.status());
    return artifacts.status();
  }
  Json hints = request.hints;
  hints["threads"] = threads_;
  if (memory_ > 0) hints["memory"] = memory_;
  hints["device"] = reports.front().device;
  if (const Status brought = BringWeights(hints, progress); !brought.ok()) {
    if (group) group->Abort(brought);
    return brought;
  }
  // A long way to rank 0 is a sign of life, and no progress of the work.
  std::atomic<double> share = 0;
  const auto work = [&](double now) {
    share = now;
    return progress(now);
  };
  const Checkpoints checkpoints =
      CheckpointsOf(request, [&] { return progress(share); });
  BESOM_ASSIGN_OR_RETURN(const Outputs outputs,
                         RunAll(*stage->second, request, *artifacts, hints,
                                work, checkpoints, group.get()));
  BESOM_CHECK(outputs.size() == reports.size(),
              fmt::format("{} of {} outputs", outputs.size(), reports.size()));
  const Status unhurt = CheckInputs(*artifacts, broken);
  blame();
  // The stage itself has told the others of its group.
  RunInThreads(kMostWriters, outputs.size(), [&](std::size_t i) {
    reports[i].status = !outputs[i].ok() ? outputs[i].status()
                        : !unhurt.ok()
                            ? unhurt
                            : Keep(*outputs[i], reports[i], progress);
    if (IsSettled(reports[i].status)) checkpoints[i]->Remove();
  });
  return Status::Ok();
}

/// Rank 0 gives a task only to ranks that can compute it.
Status TaskRunner::CheckNumerics(const TaskRequest& request) const {
  if (request.numerics.empty() ||
      std::ranges::find(rank_.numerics, request.numerics) !=
          rank_.numerics.end())
    return Status::Ok();
  return InternalError(
      request.stage,
      fmt::format("needs {}, this rank offers {}", request.numerics,
                  fmt::join(rank_.numerics, ", ")));
}

void TaskRunner::ReleaseDevice() {
  if (!std::exchange(keeps_device_, false)) return;
  for (const auto& [name, stage] : stages_) stage->ReleaseDevice();
}

std::vector<TaskReport> TaskRunner::Run(
    const TaskRequest& request, const std::function<bool(double)>& progress) {
  std::vector<TaskReport> reports = ReportsFor(request);
  const bool on_gpu = stages::DeviceKindOf(request.numerics) == "cuda";
  keeps_device_ = keeps_device_ || on_gpu;
  std::vector<std::string> keys = {request.key.Hex()};
  for (const CompanionRequest& companion : request.companions)
    keys.push_back(companion.key.Hex());
  for (std::size_t i = 0; i < reports.size(); ++i) {
    reports[i].host = rank_.host;
    reports[i].device = on_gpu ? rank_.gpu : "cpu";
    Note({{"begin", keys[i]}, {"attempt", reports[i].attempt}});
  }
  const double start = clock_.Monotonic();
  Status status;
  try {
    status = CheckNumerics(request);
    if (status.ok()) status = RunStage(request, progress, reports);
  } catch (const std::bad_alloc&) {
    status = Status(StatusCode::kOutOfMemory, request.stage, "out of memory",
                    "use fewer ranks on this machine");
  } catch (const std::exception& error) {
    status = InternalError(request.stage, error.what());
  }
  const double elapsed = clock_.Monotonic() - start;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    TaskReport& report = reports[i];
    if (!status.ok()) report.status = status;
    // What filled the memory must not stand in the way of the next task.
    if (report.status.code() == StatusCode::kOutOfMemory) ReleaseDevice();
    report.elapsed = elapsed;
    report.seconds = elapsed / static_cast<double>(reports.size());
    Note({{"end", keys[i]}, {"report", ReportToJson(report)}});
  }
  return reports;
}

}  // namespace besom::run
