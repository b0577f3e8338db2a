#include "pipeline/cli/export/export_worker.h"

#include <fmt/format.h>

#include <memory>

#include "db/reader.h"
#include "pipeline/cli/export/model_card.h"
#include "pipeline/cli/export/model_facts.h"
#include "pipeline/cli/export/precision_gap.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/trained/refit.h"
#include "pipeline/store/workspace_layout.h"
#include "stages/model/export/model_files.h"

namespace besom::cli {
namespace {

Status Export(const ExportArguments& arguments) {
  BESOM_ASSIGN_OR_RETURN(const stages::ExportFormat format,
                         stages::ParseExportFormat(arguments.format));
  BESOM_ASSIGN_OR_RETURN(const TrainedTrial trial,
                         LoadFitsOrRefit(arguments.workspace, arguments.sweep,
                                         arguments.trial, arguments.refit));
  const WorkspaceLayout layout(arguments.workspace);
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<db::Reader> reader,
                         db::Reader::Open(layout.database()));
  BESOM_ASSIGN_OR_RETURN(Json facts, ModelFacts(trial, *reader));
  // What was recorded is of the fits.
  if (trial.Precision() != "fp32" && !trial.refit) {
    BESOM_ASSIGN_OR_RETURN(const auto gap,
                           MeasurePrecisionGap(layout, trial, *reader));
    if (gap)
      facts["precision"]["difference"] = {{"images", gap->images},
                                          {"largest", gap->largest},
                                          {"mean", gap->mean},
                                          {"other_class", gap->decisions}};
  }
  BESOM_ASSIGN_OR_RETURN(const stages::ExportedModel model,
                         stages::AssembleModel(trial.Parts()));
  BESOM_ASSIGN_OR_RETURN(
      const std::string bytes,
      stages::PackModel(model, format,
                        {{"besom", facts.dump()},
                         {"classes", Json(trial.classes()).dump()}}));
  BESOM_ASSIGN_OR_RETURN(const std::string card,
                         ModelCard(trial, facts, *reader));
  const Path folder = arguments.folder;
  const Path file = folder / ("model" + std::string(stages::EndingOf(format)));
  facts["file"] = {{"name", file.filename().string()},
                   {"sha256", DigestOf(std::string_view(bytes)).Hex()}};
  BESOM_RETURN_IF_ERROR(WriteFileAtomic(folder / "MODEL_CARD.md", card));
  BESOM_RETURN_IF_ERROR(
      WriteFileAtomic(folder / "model.json", facts.dump(2) + "\n"));
  BESOM_RETURN_IF_ERROR(WriteFileAtomic(file, bytes));
  fmt::print("{}\n", file.string());
  return Status::Ok();
}

}  // namespace

int RunExport(const ExportArguments& arguments) {
  return ReportStatus(Export(arguments));
}

}  // namespace besom::cli
