#include "pipeline/store/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <utility>

namespace besom {
namespace {

/// True when the file has bytes and the last one is no line end.
bool EndsTorn(int fd) {
  const off_t size = ::lseek(fd, 0, SEEK_END);
  char last = '\n';
  return size > 0 && ::pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

/// The rank in a file name that is `prefix` + rank + suffix; -1 for others.
int RankIn(std::string_view name, std::string_view prefix) {
  constexpr std::string_view suffix = WorkspaceLayout::kJournalSuffix;
  if (name.size() <= prefix.size() + suffix.size() ||
      !name.starts_with(prefix) || !name.ends_with(suffix))
    return -1;
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  int rank = -1;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, rank);
  return error == std::errc() && stop == end ? rank : -1;
}

}  // namespace

Result<Journal> Journal::Open(const Path& path) {
  BESOM_RETURN_IF_ERROR(MakeFolders(path.parent_path()));
  const int fd =
      ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoError(path.string(), "open the journal");
  return Journal(fd, path, EndsTorn(fd));
}

Journal::Journal(Journal&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      torn_(other.torn_) {}

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

Status Journal::Append(const Json& record) {
  std::string line = CanonicalText(record) + '\n';
  if (torn_) line.insert(line.begin(), '\n');
  ssize_t written = 0;
  do {
    written = ::write(fd_, line.data(), line.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(line.size())) {
    torn_ = false;
    return Status::Ok();
  }
  if (written < 0) return ErrnoError(path_.string(), "append to the journal");
  torn_ = EndsTorn(fd_);
  return IoError(path_.string(), "cannot append to the journal: cut short",
                 "free some disk space, then run the same command");
}

Result<JournalRecords> ReadJournal(const Path& path) {
  BESOM_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  JournalRecords journal;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) {
      journal.torn = true;
      break;
    }
    Result<Json> record = ParseJson(rest.substr(0, end), path.string());
    rest.remove_prefix(end + 1);
    if (record.ok()) {
      journal.records.push_back(*std::move(record));
    } else {
      ++journal.damaged;
    }
  }
  return journal;
}

Result<std::vector<Path>> ListJournals(const WorkspaceLayout& layout,
                                       std::string_view run) {
  const std::string prefix = layout.journal_prefix(run);
  std::vector<std::pair<int, Path>> found;
  std::error_code error;
  std::filesystem::directory_iterator entries(layout.logs(), error), end;
  if (error == std::errc::no_such_file_or_directory) return std::vector<Path>();
  for (; !error && entries != end; entries.increment(error)) {
    const int rank = RankIn(entries->path().filename().string(), prefix);
    if (rank >= 0) found.emplace_back(rank, entries->path());
  }
  if (error)
    return IoError(layout.logs().string(),
                   fmt::format("cannot list: {}", error.message()));
  std::sort(found.begin(), found.end());
  std::vector<Path> paths;
  for (auto& [rank, path] : found) paths.push_back(std::move(path));
  return paths;
}

}  // namespace besom
