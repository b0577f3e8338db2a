#include "cluster/error_relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

namespace besom::cluster {
namespace {

/// A line longer than this is shown in pieces.
constexpr std::size_t kLongestLine = 4096;

void WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // Nobody is there to read errors any more.
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

Result<std::unique_ptr<ErrorRelay>> ErrorRelay::Start(
    std::function<void(std::string_view)> on_line) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("stderr", "make a pipe");
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  if (stop < 0 || ::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
    const Status error = ErrnoError("stderr", "set up a pipe");
    for (const int fd : {ends[0], ends[1], stop})
      if (fd >= 0) ::close(fd);
    return error;
  }
  return std::unique_ptr<ErrorRelay>(
      new ErrorRelay(ends[0], ends[1], stop, std::move(on_line)));
}

ErrorRelay::ErrorRelay(int read_end, int write_end, int stop,
                       std::function<void(std::string_view)> on_line)
    : read_end_(read_end),
      write_end_(write_end),
      stop_(stop),
      on_line_(std::move(on_line)),
      thread_([this] { Loop(); }) {}

ErrorRelay::~ErrorRelay() {
  const std::uint64_t one = 1;
  (void)!::write(stop_, &one, sizeof one);
  thread_.join();
  for (const int fd : {read_end_, write_end_, stop_}) ::close(fd);
}

void ErrorRelay::Loop() {
  std::string line;
  bool stopping = false;
  while (true) {
    const bool got = PassOn(line);
    if (got) continue;
    if (stopping) break;
    struct pollfd events[2] = {{read_end_, POLLIN, 0}, {stop_, POLLIN, 0}};
    ::poll(events, 2, -1);
    stopping = events[1].revents != 0;
  }
  if (!line.empty()) on_line_(line);
}

/// Passes on what there is; false when there is nothing now. `line` is what
/// has no end yet.
bool ErrorRelay::PassOn(std::string& line) const {
  std::array<char, 4096> buffer;
  const ssize_t n = ::read(read_end_, buffer.data(), buffer.size());
  if (n < 0 && errno == EINTR) return true;
  if (n <= 0) return false;
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
  WriteAll(STDERR_FILENO, bytes);
  for (const char c : bytes) {
    if (c != '\n' && line.size() < kLongestLine) {
      line += c;
      continue;
    }
    on_line_(line);
    line.clear();
  }
  return true;
}

namespace {

std::string WordAt(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
  text.remove_prefix(begin);
  return std::string(text.substr(0, text.find_first_of(" \t\r\n")));
}

}  // namespace

std::string LostNodeIn(std::string_view line) {
  constexpr std::string_view kOfSrun = "Node failure on ";
  if (const std::size_t failed = line.find(kOfSrun);
      failed != std::string_view::npos && line.starts_with("srun:"))
    return WordAt(line.substr(failed + kOfSrun.size()));
  const std::size_t daemon = line.find("Remote daemon:");
  constexpr std::string_view kBefore = "] on node ";
  const std::size_t place = line.find(kBefore);
  if (daemon == std::string_view::npos || place == std::string_view::npos ||
      place < daemon)
    return "";
  return WordAt(line.substr(place + kBefore.size()));
}

}  // namespace besom::cluster
