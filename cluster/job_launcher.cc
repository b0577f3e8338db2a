#include "cluster/job_launcher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include "cluster/error_relay.h"
#include "cluster/job_scratch.h"
#include "cluster/orphans.h"
#include "pipeline/base/clock.h"

extern char** environ;

namespace besom::cluster {
namespace {

// Where there is no pidfd, how often to look whether the child has ended.
constexpr double kLookSeconds = 0.05;
// Ranks that lost their mpirun end by themselves within this time.
constexpr double kOrphanSeconds = 2.5;

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Merged(
    const std::map<std::string, std::string>& added) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string variable = *entry;
    if (!added.contains(variable.substr(0, variable.find('='))))
      variables.push_back(variable);
  }
  for (const auto& [name, value] : added)
    variables.push_back(name + "=" + value);
  return variables;
}

// Becomes the program `argv`; only what may follow fork() in a process with
// threads. Tells `error_fd` the errno when that fails.
[[noreturn]] void BecomeChild(char* const* argv, char* const* variables,
                              int error_fd, int stderr_fd, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);  // It died before the line above.
  // A background group that reads the terminal is stopped, so it gets none;
  // nor shall it be stopped for writing.
  const int null_fd = ::open("/dev/null", O_RDONLY);
  if (null_fd >= 0) ::dup2(null_fd, 0);
  if (stderr_fd >= 0) ::dup2(stderr_fd, 2);
  ::signal(SIGTTOU, SIG_IGN);
  for (const int number : {SIGINT, SIGTERM, SIGUSR1}) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(argv[0], argv, variables);
  const int error = errno;
  (void)!::write(error_fd, &error, sizeof error);
  ::_exit(127);
}

// `stderr_fd`: its standard error; -1 = ours.
Result<pid_t> StartChild(const MpiJob& job, int stderr_fd) {
  std::vector<std::string> command = job.launcher == MpiJob::Launcher::kSrun
                                         ? SrunCommand(job)
                                         : MpirunCommand(job);
  std::vector<std::string> variables =
      Merged(MpirunEnvironment(job, ::geteuid() == 0));
  const std::vector<char*> argv = Pointers(command);
  const std::vector<char*> envp = Pointers(variables);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return ErrnoError(job.mpi.mpirun, "make a pipe for");
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0)
    BecomeChild(argv.data(), envp.data(), ends[1], stderr_fd, parent);
  ::close(ends[1]);
  int error = child < 0 ? errno : 0;
  if (child > 0) {
    ::setpgid(child, child);  // Whoever comes first: signals need the group.
    while (::read(ends[0], &error, sizeof error) < 0 && errno == EINTR) {
    }
  }
  ::close(ends[0]);
  if (error == 0) return child;
  if (child > 0) ::waitpid(child, nullptr, 0);
  return Status(StatusCode::kUnavailable, command[0],
                std::string("cannot start it: ") + std::strerror(error),
                "run `besom doctor`, or set BESOM_MPI to the prefix of an MPI "
                "and build again");
}

// A running mpirun and how far stopping it has come.
class Child {
 public:
  Child(const MpiJob& job, pid_t pid)
      : job_(job),
        pid_(pid),
        pid_fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  ~Child() {
    if (pid_fd_ >= 0) ::close(pid_fd_);
  }

  JobOutcome WaitForEnd(Interrupt& interrupt, int earlier);

 private:
  enum class Stage { kRunning, kAsked, kTerminated, kKilled };

  void GoTo(Stage stage);
  void Wait(Interrupt& interrupt) const;
  bool TakeOutcome(JobOutcome& outcome) const;

  const MpiJob& job_;
  const pid_t pid_;
  const int pid_fd_;
  SystemClock clock_;
  Stage stage_ = Stage::kRunning;
  double next_stage_ = INFINITY;  // When the stage has taken too long.
};

void Child::GoTo(Stage stage) {
  stage_ = stage;
  const double now = clock_.Monotonic();
  switch (stage) {
    case Stage::kRunning:
      break;
    case Stage::kAsked:
      ::kill(pid_, SIGUSR1);
      next_stage_ =
          now + std::max(job_.stop_seconds, job_.end_by - clock_.Wall());
      break;
    case Stage::kTerminated:
      ::kill(-pid_, SIGTERM);
      next_stage_ = now + job_.kill_seconds;
      break;
    case Stage::kKilled:
      ::kill(-pid_, SIGKILL);
      next_stage_ = INFINITY;
      break;
  }
}

// Waits for the child's end, a signal, or the time of the next stage.
void Child::Wait(Interrupt& interrupt) const {
  double seconds = next_stage_ - clock_.Monotonic();
  if (pid_fd_ < 0) seconds = std::min(seconds, kLookSeconds);
  const int milliseconds = std::isinf(seconds)
                               ? -1
                               : static_cast<int>(std::ceil(
                                     std::clamp(seconds, 0.0, 3600.0) * 1000));
  struct pollfd events[2] = {{interrupt.fd(), POLLIN, 0}, {pid_fd_, POLLIN, 0}};
  ::poll(events, 2, milliseconds);
  if (events[0].revents != 0) interrupt.Drain();
}

bool Child::TakeOutcome(JobOutcome& outcome) const {
  int state = 0;
  const pid_t ended = ::waitpid(pid_, &state, WNOHANG);
  if (ended != pid_) return false;
  if (WIFSIGNALED(state)) {
    outcome.signal = WTERMSIG(state);
    outcome.exit_code = 128 + outcome.signal;
  } else {
    outcome.exit_code = WEXITSTATUS(state);
  }
  return true;
}

// `earlier`: requests that came before the child was started.
JobOutcome Child::WaitForEnd(Interrupt& interrupt, int earlier) {
  JobOutcome outcome;
  int seen = 0;
  while (!TakeOutcome(outcome)) {
    const bool asked = interrupt.count() - earlier > seen;
    if (stage_ != Stage::kKilled &&
        (asked || clock_.Monotonic() >= next_stage_)) {
      if (asked) ++seen;
      GoTo(static_cast<Stage>(static_cast<int>(stage_) + 1));
      continue;
    }
    Wait(interrupt);
  }
  outcome.interrupts = interrupt.count() - earlier;
  outcome.killed = stage_ == Stage::kKilled;
  return outcome;
}

}  // namespace

MpiInstallation BuiltMpi() {
  return {BESOM_MPIRUN_PATH, BESOM_MPI_IS_OPEN_MPI_5 != 0,
          BESOM_MPI_HAS_ULFM != 0, BESOM_MPI_IS_OPEN_MPI_4 != 0};
}

std::vector<std::string> MpirunCommand(const MpiJob& job) {
  std::vector<std::string> command = {job.mpi.mpirun, "-n",
                                      std::to_string(job.ranks)};
  const auto add = [&](std::initializer_list<const char*> words) {
    command.insert(command.end(), words.begin(), words.end());
  };
  if (job.mpi.open_mpi_4) {
    add({"--oversubscribe", "--bind-to", "none"});
    if (!job.single_host) add({"--map-by", "node"});
    if (job.single_host)
      add({"--mca", "pml", "ob1", "--mca", "btl", "vader,tcp,self"});
  }
  if (job.mpi.open_mpi_5) {
    // More ranks than cores are no error, and a rank may use all cores.
    add({"--map-by", job.single_host ? ":OVERSUBSCRIBE" : "node:OVERSUBSCRIBE",
         "--bind-to", "none"});
    if (job.single_host)
      add({"--mca", "pml", "ob1", "--mca", "btl", "sm,tcp,self"});
    // Without the second, Finalize of the survivors may hang.
    if (job.mpi.has_ulfm)
      add({"--with-ft", "ulfm", "--mca", "async_mpi_finalize", "1"});
  }
  if (!job.single_host) {
    if (!job.nodes.empty())
      add({"--host", fmt::format("{}", fmt::join(job.nodes, ",")).c_str()});
    if (!job.unused_interfaces.empty())
      // What is named here replaces Open MPI's own list.
      add({"--mca", "btl_tcp_if_exclude",
           fmt::format("127.0.0.1/8,{}", fmt::join(job.unused_interfaces, ","))
               .c_str()});
  }
  command.insert(command.end(), job.extra_options.begin(),
                 job.extra_options.end());
  command.insert(command.end(), job.worker.begin(), job.worker.end());
  return command;
}

std::vector<std::string> SrunCommand(const MpiJob& job) {
  std::vector<std::string> command = {
      "/usr/bin/env", "srun", "--mpi=pmix",
      fmt::format("--ntasks={}", job.ranks), "--distribution=cyclic",
      // Several ranks may share cores, and each may use all of its node.
      "--overcommit", "--cpu-bind=none",
      // The step of the job's script has them as well.
      "--overlap"};
  if (!job.nodes.empty()) {
    command.push_back(fmt::format("--nodes={}", job.nodes.size()));
    command.push_back(fmt::format("--nodelist={}", fmt::join(job.nodes, ",")));
  }
  command.insert(command.end(), job.worker.begin(), job.worker.end());
  return command;
}

std::map<std::string, std::string> MpirunEnvironment(const MpiJob& job,
                                                     bool as_root) {
  std::map<std::string, std::string> variables = job.environment;
  // srun's ranks do not know where their MPI is.
  if (job.launcher == MpiJob::Launcher::kSrun && !job.mpi.mpirun.empty())
    variables.emplace(
        "OPAL_PREFIX",
        std::filesystem::path(job.mpi.mpirun).parent_path().parent_path());
  if (as_root) {
    variables.emplace("OMPI_ALLOW_RUN_AS_ROOT", "1");
    variables.emplace("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
  }
  return variables;
}

Result<JobOutcome> RunMpiJob(const MpiJob& job, Interrupt& interrupt) {
  BESOM_CHECK(job.ranks >= 1, std::to_string(job.ranks) + " ranks");
  BESOM_CHECK(!job.worker.empty(), "a job needs a program");
  if (job.mpi.mpirun.empty() && job.launcher == MpiJob::Launcher::kMpirun)
    return Status(StatusCode::kUnavailable, "mpirun", "this build has no MPI",
                  "build with BESOM_ENGINES=ON, or run without -n");
  const int earlier = interrupt.count();
  MpiJob placed = job;
  std::optional<JobScratch> scratch;
  if (job.launcher == MpiJob::Launcher::kMpirun &&
      (job.mpi.open_mpi_5 || job.mpi.open_mpi_4)) {
    scratch.emplace(job.single_host, job.mpi.open_mpi_4);
    placed.environment.insert(scratch->environment().begin(),
                              scratch->environment().end());
  }
  OrphanKeeper orphans;
  std::unique_ptr<ErrorRelay> relay;
  if (job.on_error_line) {
    BESOM_ASSIGN_OR_RETURN(relay, ErrorRelay::Start(job.on_error_line));
  }
  BESOM_ASSIGN_OR_RETURN(const pid_t pid,
                         StartChild(placed, relay ? relay->fd() : -1));
  JobOutcome outcome = Child(job, pid).WaitForEnd(interrupt, earlier);
  if (orphans.End(kOrphanSeconds) > 0) outcome.killed = true;
  return outcome;
}

}  // namespace besom::cluster
