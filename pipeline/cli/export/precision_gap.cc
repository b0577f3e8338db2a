#include "pipeline/cli/export/precision_gap.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "cluster/cpu.h"
#include "pipeline/cli/trained/network_images.h"
#include "pipeline/cli/trained/stored_pixels.h"
#include "pipeline/run/task_params.h"
#include "stages/model/look/probe.h"

namespace besom::cli {
namespace {

/// What the first fit said of an image.
struct Said {
  std::string content;
  std::vector<double> probabilities;
};

Result<std::vector<Said>> LoadSaid(const TrainedTrial& trial,
                                   db::Reader& reader) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query(
          "SELECT i.content, p.probabilities FROM predictions p JOIN images i "
          "ON i.sweep = p.sweep AND i.source = p.source AND i.path = p.path "
          "AND i.repeat = 0 AND i.fold = 0 WHERE p.sweep = ? AND p.trial = ? "
          "AND p.repeat = 0 AND p.fold = 0 AND p.split <> 'train' "
          "ORDER BY p.image LIMIT ?",
          {trial.record.sweep, trial.record.trial,
           std::int64_t{kImagesOfGap}}));
  std::vector<Said> said;
  for (const auto& row : rows.rows) {
    BESOM_ASSIGN_OR_RETURN(const Json probabilities,
                           ParseJson(db::TextOf(row[1]), "probabilities"));
    said.push_back(
        {db::TextOf(row[0]), probabilities.get<std::vector<double>>()});
  }
  return said;
}

void Add(const std::vector<double>& recorded, const std::vector<double>& now,
         PrecisionGap& gap) {
  double sum = 0;
  for (std::size_t c = 0; c < now.size(); ++c) {
    const double difference = std::abs(recorded[c] - now[c]);
    gap.largest = std::max(gap.largest, difference);
    sum += difference / static_cast<double>(now.size());
  }
  const auto decision = [](const std::vector<double>& shares) {
    return std::ranges::max_element(shares) - shares.begin();
  };
  gap.decisions += decision(recorded) != decision(now) ? 1 : 0;
  gap.mean += (sum - gap.mean) / ++gap.images;
}

}  // namespace

Result<std::optional<PrecisionGap>> MeasurePrecisionGap(
    const WorkspaceLayout& layout, const TrainedTrial& trial,
    db::Reader& reader) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<Said> said, LoadSaid(trial, reader));
  std::set<std::string> contents;
  for (const Said& image : said) contents.insert(image.content);
  BESOM_ASSIGN_OR_RETURN(
      const PixelsByContent pixels,
      LoadStoredPixels(
          layout, reader, trial.record.sweep,
          run::PixelSettings(trial.config().at("ingest"), trial.size),
          contents));
  if (pixels.empty()) return std::optional<PrecisionGap>();
  stages::ModelParts parts = trial.Parts();
  parts.heads.resize(1);
  BESOM_ASSIGN_OR_RETURN(const stages::ExportedModel model,
                         stages::AssembleModel(parts));
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<stages::NetworkProbe> probe,
                         stages::ProbeOf(model, cluster::UsableCores()));
  PrecisionGap gap;
  for (const Said& image : said) {
    const auto picture = pixels.find(image.content);
    if (picture == pixels.end()) continue;
    BESOM_ASSIGN_OR_RETURN(const std::vector<double> now,
                           probe->Probabilities(PlanesOf(picture->second), 1));
    Add(image.probabilities, now, gap);
  }
  return std::optional(gap);
}

}  // namespace besom::cli
