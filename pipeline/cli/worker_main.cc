// besom-worker: the program that mpirun starts; links MPI and NCCL,
// and loads the engines when the first is needed.
#include <sys/resource.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>

#include "cluster/cpu.h"
#include "cluster/cuda_devices.h"
#include "cluster/launch_environment.h"
#include "cluster/mpi_groups.h"
#include "cluster/mpi_session.h"
#include "cluster/parent_watch.h"
#include "cluster/self_communicator.h"
#include "pipeline/base/log.h"
#include "pipeline/cli/capabilities.h"
#include "pipeline/cli/engine_source.h"
#include "pipeline/cli/evaluate/evaluate_worker.h"
#include "pipeline/cli/export/export_worker.h"
#include "pipeline/cli/looking/saliency_worker.h"
#include "pipeline/cli/machine/machine_facts.h"
#include "pipeline/cli/predict_worker.h"
#include "pipeline/cli/rank_places.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/run_arguments.h"
#include "pipeline/cli/run_process.h"
#include "pipeline/run/stage_versions.h"
#include "stages/model/engine_loader.h"

namespace besom::cli {
namespace {

stages::StageRegistry AllStages(EngineSource& engines) {
  return run::StagesWith(
      [&engines](const stages::EngineSpec& spec, int lanes) {
        return engines.Make(spec, lanes);
      },
      [&engines](const stages::TrainedBaseSpec& spec) {
        return engines.MakeBase(spec);
      });
}

/// This process without its engines: it can do all but features.
RankCard WithoutEngines(const Status& why) {
  Log(LogLevel::kWarning, "no features are computed here: " + why.ToString());
  RankCard card = RankCard::OfThisProcess(
      {}, static_cast<std::int64_t>(ReadMemory().total));
  card.numerics.clear();
  return card;
}

RankCard ThisRank() {
  if (const Status engines =
          stages::FindEngineModule(stages::EngineModulePath());
      !engines.ok())
    return WithoutEngines(engines);
  // The numbering of the driver's files, by which a sweep was planned.
  ::setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", /*overwrite=*/0);
  Result<std::vector<cluster::Gpu>> gpus = cluster::CudaDevices();
  if (!gpus.ok())
    Log(LogLevel::kWarning, "GPUs are not used: " + gpus.status().ToString());
  return RankCard::OfThisProcess(
      gpus.ok() ? *std::move(gpus) : std::vector<cluster::Gpu>(),
      static_cast<std::int64_t>(ReadMemory().total));
}

Result<JobPlaces> PlaceJob(cluster::MpiSession& session) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> said,
                         session.Gather(ThisRank().ToText()));
  std::vector<RankCard> cards;
  for (const std::string& text : said) {
    BESOM_ASSIGN_OR_RETURN(RankCard card, RankCard::FromText(text));
    cards.push_back(std::move(card));
  }
  return PlaceRanks(cards, session.hosts());
}

/// Whoever merges the parts of a sweep holds a lock file of each of its shards,
/// and often no more than 1024 files are allowed until one asks.
void AllowManyFiles() {
  constexpr rlim_t kEnough = 65536;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kEnough)
    return;
  limit.rlim_cur = std::min(limit.rlim_max, kEnough);
  // Where that is refused, few shards need few files.
  setrlimit(RLIMIT_NOFILE, &limit);
}

int RunAlone(const run::RunOptions& options) {
  cluster::SelfCommunicator comm;
  cluster::Interrupt interrupt;
  EngineSource engines(interrupt);
  const stages::StageRegistry stages = AllStages(engines);
  const JobPlaces job = PlaceRanks({ThisRank()}, {0});
  return engines.ExitCodeOf(
      RunAsRank(options, {comm,
                          interrupt,
                          stages,
                          cluster::HostName(),
                          job.places[0],
                          job.traits,
                          {},
                          [](int code) { std::_Exit(code); }}));
}

int EvaluateAlone(const EvaluateArguments& arguments) {
  cluster::Interrupt interrupt;
  EngineSource engines(interrupt);
  const stages::StageRegistry stages = AllStages(engines);
  interrupt.SetCallback([&] {
    // Nothing is half-written whenever it ends.
    if (interrupt.count() > 1) std::_Exit(3);
  });
  const int code =
      RunEvaluate(arguments, stages, [&] { return interrupt.requested(); });
  interrupt.SetCallback({});
  return engines.ExitCodeOf(code);
}

int RunAsMpiRank(const run::RunOptions& options) {
  cluster::Interrupt interrupt;
  // Its mpirun may be killed: a rank then has no time to lose.
  const cluster::ParentWatch watch({.on_lost = [&] { interrupt.Request(); }});
  Result<std::unique_ptr<cluster::MpiSession>> session =
      cluster::MpiSession::Start();
  if (!session.ok()) return ReportStatus(session.status());
  const Result<JobPlaces> job = PlaceJob(**session);
  if (!job.ok()) return ReportStatus(job.status());
  Result<std::unique_ptr<cluster::Communicator>> comm =
      (*session)->OpenChannel();
  if (!comm.ok()) return ReportStatus(comm.status());
  Result<std::unique_ptr<cluster::MpiGroups>> groups =
      cluster::MpiGroups::Open();
  if (!groups.ok()) return ReportStatus(groups.status());
  const auto join = [&](const run::TaskRequest& request, int shards) {
    return (*groups)->Join({request.ranks, request.number, shards});
  };
  EngineSource engines(interrupt);
  const stages::StageRegistry stages = AllStages(engines);
  const int code = engines.ExitCodeOf(RunAsRank(
      options,
      {**comm, interrupt, stages, (*session)->host(),
       job->places[static_cast<std::size_t>((*session)->rank())], job->traits,
       join, [&](int exit_code) { (*session)->Abort(exit_code); }}));
  groups->reset();
  comm->reset();
  return code;
}

int Main(int argc, char** argv) {
  AllowManyFiles();
  CLI::App app{"The computing program of besom; started by besom",
               "besom-worker"};
  GlobalOptions global;
  RunArguments run_arguments;
  PredictArguments predict_arguments;
  EvaluateArguments evaluate_arguments;
  ExportArguments export_arguments;
  SaliencyArguments saliency_arguments;
  bool capabilities = false;
  app.add_option("-w,--workspace", global.workspace, "Folder of results");
  app.add_flag("--capabilities", capabilities,
               "Print what this program and machine can do, as JSON");
  app.fallthrough();
  CLI::App* run = app.add_subcommand("run", "Run or join a sweep");
  AddRunOptions(*run, run_arguments);
  CLI::App* predict = app.add_subcommand("predict", "Classify image files");
  AddPredictOptions(*predict, predict_arguments);
  CLI::App* evaluate =
      app.add_subcommand("evaluate", "Evaluate a trial on a held-out set");
  AddEvaluateOptions(*evaluate, evaluate_arguments);
  CLI::App* exporting = app.add_subcommand("export", "Write a trial's model");
  AddExportOptions(*exporting, export_arguments);
  CLI::App* saliency = app.add_subcommand("saliency", "Draw what counts");
  AddSaliencyOptions(*saliency, saliency_arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (capabilities) return PrintCapabilities();
  if (predict->parsed()) {
    predict_arguments.workspace = WorkspaceOf(global);
    return RunPredict(predict_arguments);
  }
  if (evaluate->parsed()) {
    evaluate_arguments.workspace = WorkspaceOf(global);
    return EvaluateAlone(evaluate_arguments);
  }
  if (exporting->parsed()) {
    export_arguments.workspace = WorkspaceOf(global);
    return RunExport(export_arguments);
  }
  if (saliency->parsed()) {
    saliency_arguments.workspace = WorkspaceOf(global);
    return RunSaliency(saliency_arguments);
  }
  if (!run->parsed()) return 2;
  run_arguments.Resolve(global);
  return cluster::IsMpiRank(cluster::ProcessEnvironment())
             ? RunAsMpiRank(run_arguments.options)
             : RunAlone(run_arguments.options);
}

}  // namespace
}  // namespace besom::cli

int main(int argc, char** argv) {
  try {
    return besom::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "besom-worker: bug: %s\n", error.what());
    return 70;
  }
}
