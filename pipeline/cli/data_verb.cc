#include <cstdio>
#include <memory>

#include "cluster/cpu.h"
#include "cluster/self_communicator.h"
#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/cli/reading/reading_verbs.h"
#include "pipeline/cli/reading/receipt_text.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/run_arguments.h"
#include "pipeline/cli/run_process.h"
#include "pipeline/cli/sweep_verbs.h"
#include "pipeline/run/stage_versions.h"

namespace besom::cli {
namespace {

Result<std::string> ReceiptOf(const std::string& path) {
  BESOM_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  BESOM_ASSIGN_OR_RETURN(const Json receipt, ParseJson(text, path));
  try {
    return ReceiptText(receipt, path);
  } catch (const Json::exception& error) {
    return CorruptError(path, error.what(), "delete it and run the verb again");
  }
}

int ShowData(RunArguments& arguments) {
  const Result<run::PreparedSweep> sweep = run::ReadSweep(arguments.options);
  if (!sweep.ok()) return ReportStatus(sweep.status());
  arguments.options.until = "augment";
  const stages::StageRegistry stages = run::StagesWith({}, {});
  Result<std::vector<cluster::Gpu>> gpus = GpusHere();
  if (!gpus.ok()) return ReportStatus(gpus.status());
  const JobPlaces job =
      PlaceRanks({RankCard::OfThisProcess(*std::move(gpus), 0)}, {0});
  cluster::SelfCommunicator comm;
  cluster::Interrupt interrupt;
  const int code = RunAsRank(arguments.options,
                             {comm, interrupt, stages, cluster::HostName(),
                              job.places[0], job.traits});
  if (code != 0) return code;
  const std::string name = sweep->spec.name;
  const WorkspaceLayout layout(arguments.options.workspace);
  const Result<std::string> tables =
      DataTables(arguments.options.workspace.string(), name);
  if (!tables.ok()) return ReportStatus(tables.status());
  std::fputs(tables->c_str(), stdout);
  const std::string receipt = layout.split_receipt(name).string();
  const Result<std::string> text = ReceiptOf(receipt);
  if (!text.ok()) return ReportStatus(text.status());
  std::fputs(text->c_str(), stdout);
  std::printf("\nreceipt of the split: %s", receipt.c_str());
  std::printf("\ncontact sheet of the views: %s\n",
              layout.contact_sheet(name).c_str());
  return 0;
}

}  // namespace

void AddDataVerb(CLI::App& app, const GlobalOptions& global,
                 VerbAction& action) {
  CLI::App* verb = app.add_subcommand(
      "data", "Ingest and split only: what the sweep trains and tests on");
  const auto arguments = std::make_shared<RunArguments>();
  AddSpecOptions(*verb, *arguments);
  verb->callback([arguments, &global, &action] {
    action = [arguments, &global] {
      arguments->Resolve(global);
      return ShowData(*arguments);
    };
  });
}

}  // namespace besom::cli
