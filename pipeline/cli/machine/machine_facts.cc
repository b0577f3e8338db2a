#include "pipeline/cli/machine/machine_facts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "pipeline/base/file_system.h"
#include "pipeline/base/subprocess.h"

namespace besom::cli {
namespace {

std::uint64_t Kilobytes(std::string_view meminfo, std::string_view name) {
  const std::size_t at = meminfo.find(name);
  if (at == std::string_view::npos) return 0;
  const std::size_t digits = meminfo.find_first_of("0123456789", at);
  if (digits == std::string_view::npos) return 0;
  std::uint64_t value = 0;
  std::from_chars(meminfo.data() + digits, meminfo.data() + meminfo.size(),
                  value);
  return value;
}

/// Of control groups of version 2, as seen from inside a container.
std::optional<std::uint64_t> GroupLimit() {
  const Result<std::string> text = ReadFile("/sys/fs/cgroup/memory.max");
  std::uint64_t limit = 0;
  if (!text.ok() ||
      std::from_chars(text->data(), text->data() + text->size(), limit).ec !=
          std::errc())
    return std::nullopt;
  return limit;
}

struct FilesystemKind {
  long magic;
  const char* name;
};

// statfs(2), and the sources of Lustre, GPFS and BeeGFS.
constexpr FilesystemKind kFilesystems[] = {
    {0xEF53, "ext4"},       {0x58465342, "xfs"},    {0x9123683E, "btrfs"},
    {0x2FC12FC1, "zfs"},    {0x01021994, "tmpfs"},  {0x794C7630, "overlay"},
    {0x6969, "nfs"},        {0x0BD00BD0, "lustre"}, {0x47504653, "gpfs"},
    {0x19830326, "beegfs"}, {0x00C36400, "ceph"},   {0xFE534D42, "smb"},
    {0xFF534D42, "cifs"},   {0x65735546, "fuse"},   {0x01021997, "9p"},
    {0xF2F52010, "f2fs"}};

/// Two open files with one lock each: the second must be refused.
Status TryLocks(const std::string& file) {
  const int first = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  const int second = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  bool whole = false;
  bool range = false;
  if (first >= 0 && second >= 0) {
    whole = ::flock(first, LOCK_EX | LOCK_NB) == 0 &&
            ::flock(second, LOCK_EX | LOCK_NB) != 0;
    // Where flock is made of range locks (NFS), these would meet each other.
    ::flock(first, LOCK_UN);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_len = 1;
    struct flock again = lock;
    range = ::fcntl(first, F_OFD_SETLK, &lock) == 0 &&
            ::fcntl(second, F_OFD_SETLK, &again) != 0;
  }
  if (first >= 0) ::close(first);
  if (second >= 0) ::close(second);
  if (whole && range) return Status::Ok();
  return {StatusCode::kUnavailable, file,
          fmt::format("file locks do not work here ({})",
                      whole ? "ranges" : "whole files"),
          "choose a workspace on another file system with -w"};
}

Status TryWorkspace(const Path& folder) {
  std::string name = (folder / ".besom-doctor-XXXXXX").string();
  const int fd = ::mkstemp(name.data());
  if (fd < 0) {
    const Status error = ErrnoError(folder.string(), "write in this folder");
    return {StatusCode::kUnavailable, error.place(), error.cause(),
            "choose a workspace that this user may write to with -w"};
  }
  ::close(fd);
  const Status status = TryLocks(name);
  ::unlink(name.c_str());
  return status;
}

}  // namespace

MemoryFacts ParseMemory(std::string_view meminfo,
                        std::optional<std::uint64_t> limit) {
  MemoryFacts memory{Kilobytes(meminfo, "MemTotal:") * 1024,
                     Kilobytes(meminfo, "MemAvailable:") * 1024};
  if (limit && *limit < memory.total) {
    memory.total = *limit;
    memory.available = std::min(memory.available, *limit);
  }
  return memory;
}

MemoryFacts ReadMemory() {
  const Result<std::string> text = ReadFile("/proc/meminfo");
  return ParseMemory(text.ok() ? *text : "", GroupLimit());
}

WorkspaceFacts ReadWorkspace(const Path& workspace) {
  WorkspaceFacts facts;
  std::error_code ignored;
  facts.path = std::filesystem::absolute(workspace, ignored);
  facts.exists = std::filesystem::is_directory(facts.path, ignored);
  Path folder = facts.path;
  while (!std::filesystem::is_directory(folder, ignored) &&
         folder.has_relative_path())
    folder = folder.parent_path();
  struct statfs kind {};
  if (::statfs(folder.c_str(), &kind) == 0) {
    facts.filesystem = fmt::format("type {:x}", kind.f_type);
    facts.network =
        IsNetworkFileSystem(static_cast<std::uint32_t>(kind.f_type));
    for (const FilesystemKind& known : kFilesystems) {
      if (known.magic != static_cast<long>(kind.f_type)) continue;
      facts.filesystem = known.name;
    }
  }
  struct statvfs space {};
  if (::statvfs(folder.c_str(), &space) == 0)
    facts.free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
  facts.usable = TryWorkspace(folder);
  return facts;
}

Result<Json> WorkerCapabilities(const std::string& worker) {
  const Status failed(
      StatusCode::kUnavailable, worker, "does not run here",
      "call `./besom build`; if that does not mend it, see the message above");
  const Result<ProcessOutcome> outcome = RunProcess({worker, "--capabilities"});
  if (!outcome.ok() || outcome->exit_code != 0) return failed;
  const Result<Json> json = ParseJson(outcome->output, worker);
  if (!json.ok() || !json->is_object()) return failed;
  return json;
}

}  // namespace besom::cli
