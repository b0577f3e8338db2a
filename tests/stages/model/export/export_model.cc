// Exports a model that is put together from its parts, for comparisons with
// other software.
//
// usage: export_model MODEL SIZE WEIGHTS FORMAT OUT HEAD...
//
// MODEL is a file of the `model` section as JSON, WEIGHTS the base's file, each
// HEAD the "weights" blob of a fit.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "stages/model/export/model_files.h"

namespace besom::stages {
namespace {

Status Run(const std::vector<std::string>& args) {
  ModelParts parts;
  BESOM_ASSIGN_OR_RETURN(const std::string model, ReadFile(args[0]));
  BESOM_ASSIGN_OR_RETURN(parts.model, ParseJson(model, args[0]));
  parts.size = std::stoi(args[1]);
  parts.weights_path = args[2];
  BESOM_ASSIGN_OR_RETURN(const Digest digest, DigestOfFile(args[2]));
  parts.weights = digest.Hex();
  for (std::size_t i = 5; i < args.size(); ++i) {
    BESOM_ASSIGN_OR_RETURN(std::string head, ReadFile(args[i]));
    parts.heads.push_back(std::move(head));
  }
  BESOM_ASSIGN_OR_RETURN(const ExportFormat format, ParseExportFormat(args[3]));
  BESOM_ASSIGN_OR_RETURN(const ExportedModel exported, AssembleModel(parts));
  BESOM_ASSIGN_OR_RETURN(const std::string bytes,
                         PackModel(exported, format, {{"besom", "{}"}}));
  return WriteFileAtomic(args[4], bytes);
}

}  // namespace
}  // namespace besom::stages

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() < 6) {
    fmt::print(stderr,
               "usage: export_model MODEL SIZE WEIGHTS FORMAT OUT HEAD...\n");
    return 2;
  }
  const besom::Status status = besom::stages::Run(args);
  if (!status.ok()) fmt::print(stderr, "{}\n", status.ToString());
  return besom::ExitCodeOf(status);
}
