#include "pipeline/base/subprocess.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

extern char** environ;

namespace besom {
namespace {

std::string ReadToEnd(int fd) {
  std::string output;
  char buffer[4096];
  while (true) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return output;
    output.append(buffer, static_cast<std::size_t>(n));
  }
}

}  // namespace

Result<ProcessOutcome> RunProcess(const std::vector<std::string>& command,
                                  StandardError errors) {
  BESOM_CHECK(!command.empty(), "a process needs a program");
  std::vector<char*> argv;
  for (const std::string& word : command)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0)
    return ErrnoError(command[0], "make a pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 1);
  if (errors == StandardError::kInOutput)
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 2);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_ends[1]);
  if (error != 0) {
    ::close(pipe_ends[0]);
    errno = error;
    return ErrnoError(command[0], "start");
  }
  ProcessOutcome outcome;
  outcome.output = ReadToEnd(pipe_ends[0]);
  ::close(pipe_ends[0]);
  int state = 0;
  while (::waitpid(pid, &state, 0) < 0) {
    if (errno != EINTR) return ErrnoError(command[0], "wait for");
  }
  if (WIFSIGNALED(state)) {
    outcome.signal = WTERMSIG(state);
    outcome.exit_code = 128 + outcome.signal;
  } else {
    outcome.exit_code = WEXITSTATUS(state);
  }
  return outcome;
}

}  // namespace besom
