#include "pipeline/run/order_maker.h"

#include <fmt/format.h>

#include <algorithm>

namespace besom::run {

void OrderMaker::Forget(const BlobRef& broken) {
  for (auto& [space, contents] : prior_rows_)
    for (auto& [content, blobs] : contents) std::erase(blobs, broken);
}

TaskOrder OrderMaker::Make(std::span<const Assignment> bundle,
                           std::int64_t number) const {
  const Assignment& assignment = bundle.front();
  const TaskNode& node = graph_[assignment.task];
  TaskOrder order{assignment.task,
                  assignment.attempt,
                  &node,
                  {},
                  assignment.ranks,
                  number,
                  {}};
  for (const Assignment& other : bundle.subspan(1)) {
    const TaskNode& companion = graph_[other.task];
    order.companions.push_back(
        {other.task, other.attempt, &companion, PriorRowsOf(companion)});
  }
  order.inputs.reserve(node.inputs.size());
  for (const TaskInput& input : node.inputs) {
    BESOM_CHECK(outputs_[input.task].has_value(),
                fmt::format("'{}' runs before its input '{}'", node.label,
                            graph_[input.task].label));
    const TaskOutputs& outputs = *outputs_[input.task];
    const auto found =
        std::ranges::find(outputs, input.output, &PortBlob::port);
    BESOM_CHECK(found != outputs.end(),
                fmt::format("'{}' left nothing at '{}'",
                            graph_[input.task].label, input.output));
    order.inputs.push_back({input.port, found->blob});
  }
  for (const BlobRef& blob : PriorRowsOf(node))
    order.inputs.push_back({kPriorPort, blob});
  return order;
}

/// What earlier tasks left of the features that a task makes.
std::vector<BlobRef> OrderMaker::PriorRowsOf(const TaskNode& node) const {
  std::vector<BlobRef> prior;
  const auto space = prior_rows_.find(node.space);
  if (node.space.empty() || space == prior_rows_.end()) return prior;
  for (const Json& content : node.params.at("contents")) {
    const auto rows = space->second.find(content.get<std::string>());
    if (rows == space->second.end()) continue;
    for (const BlobRef& blob : rows->second)
      if (std::ranges::find(prior, blob) == prior.end()) prior.push_back(blob);
  }
  return prior;
}

}  // namespace besom::run
