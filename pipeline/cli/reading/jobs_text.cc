#include "pipeline/cli/reading/jobs_text.h"

#include <fmt/format.h>

#include "cluster/slurm_queue.h"
#include "pipeline/base/clock.h"
#include "pipeline/store/job_record.h"

namespace besom::cli {
namespace {

std::string QueueText(const cluster::QueuedJob& job) {
  std::string text = job.state;
  if (!job.reason.empty()) text += fmt::format(" ({})", job.reason);
  if (!job.nodes.empty()) text += " on " + job.nodes;
  if (job.phase == cluster::JobPhase::kPending && job.start > 0)
    text += ", expected to start " + Iso8601(job.start);
  if (job.phase == cluster::JobPhase::kRunning)
    text += fmt::format(", since {}, until {}", Iso8601(job.start),
                        job.end > 0 ? Iso8601(job.end) : "it is done");
  return text;
}

std::string JobText(const JobRecord& record) {
  std::string text = fmt::format("job {}: ", record.job);
  if (record.ended > 0) {
    text += fmt::format("ended {}, {}", Iso8601(record.ended), record.why);
  } else {
    const Result<cluster::QueuedJob> job =
        cluster::FindJob({record.job, record.cluster});
    if (job.ok())
      text += QueueText(*job);
    else if (job.status().code() == StatusCode::kNotFound)
      text += "Slurm does not know it any more";
    else
      text += fmt::format("submitted {}; {}", Iso8601(record.submitted),
                          job.status().cause());
    if (record.links > 1)
      text += fmt::format(", start {} ({})", record.links, record.why);
  }
  for (const auto& [node, count] : record.losses)
    text += fmt::format(", {} was lost {}", node,
                        count == 1 ? "once" : fmt::format("{} times", count));
  return text;
}

}  // namespace

Result<std::string> JobsText(const WorkspaceLayout& layout,
                             const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<JobRecord> records,
                         JobRecordsOf(layout, sweep));
  std::string text;
  for (const JobRecord& record : records)
    text += fmt::format("  {}\n", JobText(record));
  return text;
}

}  // namespace besom::cli
