#pragma once

#include <string>
#include <string_view>

namespace besom::cluster {

/// What there is to know of a job whose process once wrote down its number.
enum class JobState {
  kActive,   ///< It may have running processes.
  kOver,     ///< It has none any more.
  kUnknown,  ///< Nobody can say.
};

/// Says whether jobs of a batch system are over. One thread at a time.
class JobStates {
 public:
  virtual ~JobStates() = default;
  /// `cluster` is the batch system's own name; "" = not known. Never an error:
  /// what cannot be found out is kUnknown.
  virtual JobState Find(std::string_view job, std::string_view cluster) = 0;
};

/// Asks Slurm's own programs, where the PATH has them, each time anew.
class SlurmJobs final : public JobStates {
 public:
  JobState Find(std::string_view job, std::string_view cluster) override;
};

/// What `squeue -h -t all -j JOB -o %T` said. A job that Slurm does not know
/// any more is over; so is a pending one: it ran before, and waits to run
/// again. Any other failure to answer says nothing.
JobState JobStateOf(std::string_view output, int exit_code);

}  // namespace besom::cluster
