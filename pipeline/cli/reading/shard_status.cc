#include "pipeline/cli/reading/shard_status.h"

#include <fmt/format.h>

#include "pipeline/cli/reading/run_status.h"
#include "pipeline/cli/reading/table_text.h"

namespace besom::cli {
namespace {

std::string CountsText(const run::PartStates& part) {
  if (!part.begun) return "not begun";
  if (!part.unreadable.ok())
    return fmt::format("cannot be read: {}; {}", part.unreadable.cause(),
                       part.unreadable.cure());
  SweepSummary summary;
  summary.planned = static_cast<std::int64_t>(part.trials.size());
  for (const db::TrialStatus& trial : part.trials)
    ++summary.states[std::string(db::NameOf(trial.state))];
  return StateCountsText(summary);
}

}  // namespace

std::string ShardsText(const std::vector<run::PartStates>& parts) {
  std::string text, failures;
  for (const run::PartStates& part : parts) {
    text +=
        fmt::format("  shard {}: {}", part.shard.ToText(), CountsText(part));
    for (const run::OpenRun& run : part.open_runs)
      text += "; " + OpenRunText(run);
    text += '\n';
    for (const db::TrialStatus& trial : part.trials)
      if (trial.state == db::TrialState::kFailed)
        failures += fmt::format("  failed {}: {}\n", trial.trial,
                                PlainText(trial.error));
  }
  return text + failures;
}

std::string UnmergedNote(const WorkspaceLayout& layout) {
  const Result<std::vector<Path>> parts = layout.ListAllParts();
  if (!parts.ok() || parts->empty()) return "";
  return fmt::format(
      "besom: note: {} of shards {} not merged yet, so what {} is missing "
      "here: `besom run SPEC` merges\n",
      parts->size() == 1 ? "1 part" : fmt::format("{} parts", parts->size()),
      parts->size() == 1 ? "is" : "are",
      parts->size() == 1 ? "it holds" : "they hold");
}

}  // namespace besom::cli
