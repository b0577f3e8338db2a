#include "pipeline/cli/looking/saliency_worker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>

#include "cluster/cpu.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/trained/network_images.h"
#include "stages/model/look/heat_map.h"
#include "stages/model/look/occlusion.h"
#include "stages/model/look/probe.h"

namespace besom::cli {
namespace {

/// -1 where none is named.
Result<int> TargetOf(const TrainedTrial& trial, const std::string& name) {
  if (name.empty()) return -1;
  const std::vector<std::string> classes = trial.classes();
  const auto found = std::ranges::find(classes, name);
  if (found != classes.end()) return static_cast<int>(found - classes.begin());
  return InvalidError("--class",
                      fmt::format("there is no class {}; there are: {}", name,
                                  fmt::join(classes, ", ")));
}

Result<stages::ClassActivation> Look(stages::NetworkProbe& probe,
                                     const std::string& method,
                                     const stages::SheetTile& picture,
                                     int target) {
  const std::vector<std::uint8_t> image = PlanesOf(picture);
  if (method == "gradcam") return probe.GradCam(image, target);
  return stages::Occlude(
      [&](std::span<const std::uint8_t> images, int count) {
        return probe.Probabilities(images, count);
      },
      image, picture.size, stages::OcclusionPatch::For(picture.size), target);
}

Json NumbersOf(const std::string& image, const std::string& method,
               const std::vector<std::string>& classes,
               const stages::ClassActivation& found) {
  Json rows = Json::array(), probabilities = Json::object();
  for (int row = 0; row < found.map.rows; ++row) {
    const auto first = found.map.values.begin() + row * found.map.columns;
    rows.push_back(std::vector<float>(first, first + found.map.columns));
  }
  for (std::size_t c = 0; c < classes.size(); ++c)
    probabilities[classes[c]] = found.probabilities[c];
  return {{"image", image},
          {"method", method},
          {"class", classes[static_cast<std::size_t>(found.target)]},
          {"probabilities", std::move(probabilities)},
          {"map", std::move(rows)}};
}

/// NAME.CLASS.METHOD without an ending; a number makes equal ones different.
class PictureNames {
 public:
  explicit PictureNames(Path folder) : folder_(std::move(folder)) {}

  Path For(const std::string& image, const std::string& label,
           const std::string& method) {
    const std::string stem = Path(image).stem().string();
    std::string name = fmt::format("{}.{}.{}", stem, label, method);
    std::ranges::replace(name, '/', '_');
    for (int number = 2; !used_.insert(name).second; ++number)
      name = fmt::format("{}-{}.{}.{}", stem, number, label, method);
    return folder_ / name;
  }

 private:
  Path folder_;
  std::set<std::string> used_;
};

Status DrawOne(const SaliencyArguments& arguments, const std::string& image,
               const std::vector<std::string>& classes,
               const stages::SheetTile& picture,
               const stages::ClassActivation& found, PictureNames& names) {
  const auto target = static_cast<std::size_t>(found.target);
  const std::string& label = classes[target];
  const Path path = names.For(image, label, arguments.method);
  BESOM_ASSIGN_OR_RETURN(
      const std::string png,
      stages::DrawHeatMap(
          picture, found.map,
          fmt::format("{} {:.3f}: {} {}", label, found.probabilities[target],
                      arguments.method, Path(image).filename().string())));
  if (arguments.json)
    BESOM_RETURN_IF_ERROR(WriteFileAtomic(
        path.string() + ".json", NumbersOf(Path(image).filename().string(),
                                           arguments.method, classes, found)
                                         .dump() +
                                     "\n"));
  BESOM_RETURN_IF_ERROR(WriteFileAtomic(path.string() + ".png", png));
  fmt::print("{}.png\n", path.string());
  return Status::Ok();
}

Status Draw(const SaliencyArguments& arguments) {
  const WorkspaceLayout layout(arguments.workspace);
  BESOM_ASSIGN_OR_RETURN(
      const TrainedTrial trial,
      LoadTrainedTrial(arguments.workspace, arguments.sweep, arguments.trial));
  BESOM_ASSIGN_OR_RETURN(const int target, TargetOf(trial, arguments.target));
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<db::Reader> reader,
                         db::Reader::Open(layout.database()));
  BESOM_ASSIGN_OR_RETURN(const stages::ExportedModel model,
                         stages::AssembleModel(trial.Parts()));
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<stages::NetworkProbe> probe,
                         stages::ProbeOf(model, cluster::UsableCores()));
  PictureNames names(arguments.folder);
  Status first_error;
  for (const std::string& image : arguments.images) {
    const Result<stages::SheetTile> picture =
        LoadNetworkImage(layout, *reader, trial, image);
    if (!picture.ok()) {
      const Status error = picture.status().Within(image);
      if (first_error.ok())
        first_error = error;
      else
        ReportStatus(error);
      continue;
    }
    BESOM_ASSIGN_OR_RETURN(const stages::ClassActivation found,
                           Look(*probe, arguments.method, *picture, target));
    BESOM_RETURN_IF_ERROR(
        DrawOne(arguments, image, trial.classes(), *picture, found, names));
  }
  return first_error;
}

}  // namespace

int RunSaliency(const SaliencyArguments& arguments) {
  return ReportStatus(Draw(arguments));
}

}  // namespace besom::cli
