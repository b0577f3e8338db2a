#include "pipeline/cli/slurm/follow_job.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

#include "cluster/interrupt.h"
#include "cluster/slurm_queue.h"
#include "pipeline/cli/reading/jobs_text.h"
#include "pipeline/cli/reading/sweep_summary.h"
#include "pipeline/store/job_record.h"

namespace besom::cli {
namespace {

/// Between two looks: jobs that change often are looked at often.
constexpr double kFirstPause = 1;
constexpr double kLongestPause = 15;
/// A job that is over without a word of what follows is looked at so often
/// before nothing is taken to follow: its script may be writing it down.
constexpr int kLooksAtEnd = 3;

/// How many of the sweep's jobs have something to come, by their records and
/// by Slurm.
struct JobCounts {
  int open = 0;    ///< Not ended by their records.
  int active = 0;  ///< Of these in the queue or running, as far as is known.
};

Result<JobCounts> CountJobs(const WorkspaceLayout& layout,
                            const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<JobRecord> records,
                         JobRecordsOf(layout, sweep));
  JobCounts counts;
  for (const JobRecord& record : records) {
    if (record.ended > 0) continue;
    ++counts.open;
    const Result<cluster::QueuedJob> job =
        cluster::FindJob({record.job, record.cluster});
    const bool is_over = job.ok()
                             ? job->phase == cluster::JobPhase::kEnded
                             : job.status().code() == StatusCode::kNotFound;
    if (!is_over) ++counts.active;
  }
  return counts;
}

/// False when the user asked to stop.
bool Pause(cluster::Interrupt& interrupt, double seconds) {
  struct pollfd event = {interrupt.fd(), POLLIN, 0};
  ::poll(&event, 1, static_cast<int>(seconds * 1000));
  return !interrupt.requested();
}

}  // namespace

Result<int> FollowJob(const WorkspaceLayout& layout, const std::string& sweep) {
  cluster::Interrupt interrupt;
  std::string shown;
  double pause = kFirstPause;
  int looks = 0;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(const std::string text, JobsText(layout, sweep));
    if (text != shown) {
      fmt::print(stderr, "{}", text);
      shown = text;
      pause = kFirstPause;
    }
    BESOM_ASSIGN_OR_RETURN(const JobCounts counts, CountJobs(layout, sweep));
    looks = counts.active == 0 ? looks + 1 : 0;
    if (counts.open == 0 || looks >= kLooksAtEnd)
      return ExitCodeOfSweep(layout.database(), sweep);
    if (!Pause(interrupt, pause)) {
      fmt::print(stderr,
                 "besom: not waiting any more; the job goes on\n"
                 "  cure: `besom cancel {}` ends it\n",
                 sweep);
      return 3;
    }
    pause = std::min(pause * 1.5, kLongestPause);
  }
}

}  // namespace besom::cli
