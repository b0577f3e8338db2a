#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/run/assignment.h"
#include "pipeline/run/task_order.h"

namespace besom::run {

/// Rows of features that other plans left: space -> content -> blobs.
using PriorRows =
    std::map<std::string, std::map<std::string, std::vector<BlobRef>>>;

/// Writes down for ranks what they are to compute, with the blobs that it
/// reads. Borrows both. One thread at a time.
class OrderMaker {
 public:
  /// `outputs`: by task, what each finished one left behind.
  OrderMaker(const TaskGraph& graph,
             const std::vector<std::optional<TaskOutputs>>& outputs)
      : graph_(graph), outputs_(outputs) {}

  void SetPriorRows(PriorRows rows) { prior_rows_ = std::move(rows); }
  /// A blob of earlier rows turned out to be damaged.
  void Forget(const BlobRef& broken);

  /// The order for a bundle; `number` as in TaskOrder. REQUIRES: the inputs of
  /// its tasks are there.
  TaskOrder Make(std::span<const Assignment> bundle, std::int64_t number) const;

 private:
  std::vector<BlobRef> PriorRowsOf(const TaskNode& node) const;

  const TaskGraph& graph_;
  const std::vector<std::optional<TaskOutputs>>& outputs_;
  PriorRows prior_rows_;
};

}  // namespace besom::run
