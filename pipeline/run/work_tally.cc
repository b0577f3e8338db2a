#include "pipeline/run/work_tally.h"

#include <fmt/format.h>

#include <algorithm>

namespace besom::run {
namespace {

double Counted(const Json& counters, const char* name) {
  if (!counters.is_object()) return 0;
  const auto found = counters.find(name);
  return found != counters.end() && found->is_number() ? found->get<double>()
                                                       : 0;
}

}  // namespace

void WorkTally::Add(const TaskReport& report, const TaskNode& node, int rank) {
  if (node.stage != "features") return;
  const double passes = Counted(report.counters, "passes");
  rows_[report.task] = Counted(report.counters, "rows");
  computed_ += passes;
  if (Counted(report.counters, "computed") == 0) return;
  Base& base = bases_[node.params.at("backbone").get<std::string>()];
  base.rows += passes;
  base.seconds += report.seconds;
  base.lane_seconds += Counted(report.counters, "lane_seconds");
  base.engine_seconds += Counted(report.counters, "engine_seconds");
  base.ranks.insert(rank);
}

/// As reported, or, of a task that was done before, as planned.
double WorkTally::RowsOf(TaskId task) const {
  const auto found = rows_.find(task);
  return found != rows_.end() ? found->second : sweep_.graph[task].units;
}

double WorkTally::RowsOfAllFits() const {
  std::map<int, double> of_fusion;  // Fits of one fusion read the same.
  double sum = 0;
  for (const PlannedTrial& trial : sweep_.trials) {
    for (const PlannedFit& fit : trial.fits) {
      const int fusion = sweep_.graph[fit.fine_tune].fusion;
      const auto known = of_fusion.find(fusion);
      double rows = known == of_fusion.end() ? 0 : known->second;
      if (known == of_fusion.end()) {
        for (const TaskId task : sweep_.graph.producers(fit.fine_tune))
          if (sweep_.graph[task].stage == "features") rows += RowsOf(task);
        if (fusion >= 0) of_fusion[fusion] = rows;
      }
      sum += rows;
    }
  }
  return sum;
}

std::string WorkTally::LineOf(const std::string& name, const Base& base) const {
  const double rate =
      base.rows / base.seconds * static_cast<double>(base.ranks.size());
  std::string line =
      fmt::format("{}: {:.0f} images, {:.0f} images/s", name, base.rows, rate);
  if (base.lane_seconds > 0)
    line += fmt::format(", {:.0f} % of its engine's own rate",
                        100 * base.engine_seconds / base.lane_seconds);
  return line;
}

std::vector<std::string> WorkTally::Lines() const {
  std::vector<std::string> lines;
  std::size_t fits = 0;
  for (const PlannedTrial& trial : sweep_.trials) fits += trial.fits.size();
  const double needed = RowsOfAllFits();
  if (needed > 0)
    lines.push_back(fmt::format(
        "{} fits need {:.0f} passes of images through frozen bases; {:.0f} "
        "were computed, {:.1f} % saved",
        fits, needed, computed_, 100 * std::max(0.0, 1 - computed_ / needed)));
  for (const auto& [name, base] : bases_)
    if (base.seconds > 0) lines.push_back(LineOf(name, base));
  return lines;
}

}  // namespace besom::run
