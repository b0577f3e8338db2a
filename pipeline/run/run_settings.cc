#include "pipeline/run/run_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pipeline/run/stage_versions.h"
#include "pipeline/run/sweep_numerics.h"

namespace besom::run {
namespace {

/// `limits.failures`: a count or a share of the trials ("10%").
std::size_t MostFailures(const Json& limits, std::size_t trials) {
  const Json& failures = limits.at("failures");
  if (failures.is_number()) return failures.get<std::size_t>();
  const double percent = std::stod(failures.get<std::string>());
  return static_cast<std::size_t>(
      std::ceil(percent / 100.0 * static_cast<double>(trials)));
}

/// resources.memory_per_rank in bytes; 0 = auto.
std::int64_t BytesPerRank(const PreparedSweep& sweep) {
  const Json& memory = sweep.spec.base.at("resources").at("memory_per_rank");
  return memory.is_number() ? memory.get<std::int64_t>() << 20 : 0;
}

}  // namespace

CoordinatorOptions HowToRun(const PreparedSweep& sweep,
                            const RunOptions& options) {
  const Json& limits = sweep.spec.base.at("limits");
  const std::size_t trials = sweep.graph.trials.size();
  CoordinatorOptions how;
  how.max_retries = limits.at("retries");
  how.fail_fast = options.fail_fast;
  how.max_failed_trials =
      options.keep_going ? trials : MostFailures(limits, trials);
  how.time_limit = limits.at("time");
  how.lease_seconds = limits.at("lease");
  how.bytes_per_rank = BytesPerRank(sweep);
  return how;
}

std::vector<std::string> OfferedBy(const std::vector<RankTraits>& ranks) {
  std::vector<std::string> offered;
  for (const bool on_gpu : {true, false})
    for (const RankTraits& rank : ranks)
      for (const std::string& tag : rank.numerics)
        if (IsOfDevice(tag, "cuda") == on_gpu &&
            std::ranges::find(offered, tag) == offered.end())
          offered.push_back(tag);
  return offered;
}

RunBegins BeginningOf(const PreparedSweep& sweep, const std::string& run) {
  const Json& base = sweep.spec.base;
  const Json& threads = base.at("resources").at("threads_per_rank");
  return {run, threads.is_number() ? threads.get<int>() : 0,
          BytesPerRank(sweep), base.at("limits").at("checkpoint")};
}

bool Computes(const RunOptions& options) {
  const std::vector<std::string>& order = StageOrder();
  return std::ranges::find(order, options.until) >=
         std::ranges::find(order, "features");
}

std::string ViewsWarning(const PreparedSweep& sweep) {
  for (const PlannedTrial& trial : sweep.graph.trials) {
    const int views = trial.config.at("augment").at("views");
    const int epochs = trial.config.at("train").at("epochs");
    if (views > 0 && views < epochs)
      return fmt::format(
          "augment.views = {} is less than train.epochs = {}: the "
          "views of an image repeat",
          views, epochs);
  }
  return "";
}

}  // namespace besom::run
