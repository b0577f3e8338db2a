#pragma once

#include <string>
#include <vector>

namespace besom::cluster {

/// What is known when the run of a job has ended.
struct LinkFacts {
  bool complete = false;   ///< By the database: every trial has ended.
  int run_code = 3;        ///< How `besom run` ended.
  bool cancelled = false;  ///< By the user, through besom.
  std::string limit;       ///< Of the spec, that ended the run; "" = none.
  enum class Job {
    kRunning,  ///< It goes on.
    kEnding,   ///< Slurm is ending it.
    kUnknown,  ///< Slurm does not say.
  };
  Job job = Job::kUnknown;
  bool requeued = false;      ///< Slurm has put it back into the queue.
  bool preempted = false;     ///< Slurm needs its nodes for another job.
  bool may_requeue = false;   ///< Slurm may put this job back in the queue.
  double seconds_left = 0;    ///< Of the time it was given; negative: over.
  double seconds_needed = 0;  ///< Without which no run is worth starting.
  bool progress = false;      ///< The last run finished something.
  bool node_lost = false;     ///< A node failed under it.
  int links = 1;              ///< Runs of nodes so far, this one included.
  int max_links = 1;
};

/// What follows a run.
struct NextLink {
  enum class Kind {
    kNone,      ///< Nothing: the sweep is complete, or was cancelled.
    kRunAgain,  ///< Another run in this job.
    kRequeue,   ///< The job goes back into the queue.
    kSubmit,    ///< A job like this one, after it.
    kSlurm,     ///< Slurm itself has put the job back into the queue.
    kGiveUp,    ///< Nothing, and somebody should look.
  };
  Kind kind = Kind::kNone;
  std::string why;   ///< For people.
  std::string cure;  ///< Of kGiveUp.
};

/// Decides by the time that is left and by what Slurm does to the job, not by
/// the signals that came: they may be early, and mean several things.
NextLink DecideNextLink(const LinkFacts& facts);

}  // namespace besom::cluster
