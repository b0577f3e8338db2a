#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/interrupt.h"
#include "pipeline/base/result.h"

namespace besom::cluster {

/// Which mpirun this build belongs to.
struct MpiInstallation {
  std::string mpirun;       ///< Absolute path; empty in a build without MPI.
  bool open_mpi_5 = false;  ///< Takes Open MPI 5's options.
  bool has_ulfm = false;    ///< Knows `--with-ft ulfm`.
  bool open_mpi_4 = false;  ///< Takes Open MPI 4's options.
};

/// The MPI that was found when this program was configured.
MpiInstallation BuiltMpi();

/// A job for mpirun.
struct MpiJob {
  MpiInstallation mpi;
  int ranks = 1;
  /// The program that every rank runs, with its arguments.
  std::vector<std::string> worker;
  /// What starts the ranks.
  enum class Launcher { kMpirun, kSrun };
  /// srun: Slurm's own, for an MPI whose mpirun cannot start ranks here.
  Launcher launcher = Launcher::kMpirun;
  /// All ranks on this host: a transport that starts at once. Otherwise the
  /// site's choice of network is left alone, and ranks go to the nodes of the
  /// batch system's job in turns.
  bool single_host = true;
  /// Of several hosts: the nodes to use; empty = all of the job.
  std::vector<std::string> nodes;
  /// Of several hosts: interfaces of the network that lead nowhere.
  std::vector<std::string> unused_interfaces;
  /// Called, from another thread, with every line that the job writes to its
  /// standard error, which is passed on as well. None = nobody looks.
  std::function<void(std::string_view)> on_error_line;
  /// Options put last before the worker; they win.
  std::vector<std::string> extra_options;
  /// Variables set for mpirun and its ranks.
  std::map<std::string, std::string> environment;
  /// After the first request to stop: seconds for the ranks to end by
  /// themselves before it counts as a second one.
  double stop_seconds = 20;
  /// Until then they have that time in any case: work goes on that ends before
  /// the allocation does. Seconds since 1970; 0 = none.
  double end_by = 0;
  /// After the second: seconds between SIGTERM and SIGKILL.
  double kill_seconds = 2;
};

/// How a job ended.
struct JobOutcome {
  int exit_code = 0;    ///< mpirun's; 128 + signal when a signal ended it.
  int signal = 0;       ///< That signal, or 0.
  int interrupts = 0;   ///< Requests to stop that came meanwhile.
  bool killed = false;  ///< SIGKILL was needed.
};

/// The command line of `job`: any number of ranks on any number of cores, not
/// bound, and with fault tolerance where the MPI has it.
std::vector<std::string> MpirunCommand(const MpiJob& job);
/// The same for srun, which has no fault tolerance.
std::vector<std::string> SrunCommand(const MpiJob& job);

/// The variables set for it: `job.environment` and, as root, the two that
/// Open MPI asks for.
std::map<std::string, std::string> MpirunEnvironment(const MpiJob& job,
                                                     bool as_root);

/// Runs `job` to its end as a child in a process group of its own, so that a
/// Ctrl-C at the terminal reaches this process only. Standard output and error
/// pass through, standard input is empty. The first request to stop becomes
/// SIGUSR1, which mpirun forwards to the ranks; the second SIGTERM and, after
/// `kill_seconds`, SIGKILL. When this process dies, mpirun gets SIGTERM. No
/// rank on this host is left when it returns. kUnavailable when there is no
/// mpirun. The calling thread must live as long as the job, and this process
/// starts no other child meanwhile.
///
/// Exit code 0 does not prove that the work was done: mpirun returns it also
/// after it lost a node.
Result<JobOutcome> RunMpiJob(const MpiJob& job, Interrupt& interrupt);

}  // namespace besom::cluster
