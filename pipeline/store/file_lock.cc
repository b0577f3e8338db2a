#include "pipeline/store/file_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace besom {
namespace {

/// The whole file, as fcntl(2) wants it.
struct flock WholeFile(short kind) {
  struct flock range {};
  range.l_type = kind;
  range.l_whence = SEEK_SET;
  return range;
}

/// As ErrnoError, with a cure for a file system that has no locks.
Status LockError(const Path& path, std::string_view action) {
  const int error = errno;
  const Status plain = ErrnoError(path.string(), action);
  if (error != ENOLCK && error != ENOSYS && error != EOPNOTSUPP &&
      error != EINVAL)
    return plain;
  return {plain.code(), plain.place(), plain.cause(),
          "the file system has no working locks: mount it with locks (Lustre: "
          "-o flock), or name a workspace elsewhere with -w"};
}

/// True while `path` names the file that `fd` has open; false for one that was
/// removed meanwhile.
bool StillNamed(int fd, const Path& path) {
  struct stat opened {
  }, named{};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

}  // namespace

Result<std::optional<FileLock>> FileLock::Take(const Path& path, short kind) {
  BESOM_RETURN_IF_ERROR(MakeFolders(path.parent_path()));
  const int access = kind == F_WRLCK ? O_RDWR : O_RDONLY;
  while (true) {
    const int fd = ::open(path.c_str(), access | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return ErrnoError(path.string(), "open the lock");
    FileLock lock(fd, path);
    struct flock range = WholeFile(kind);
    if (::fcntl(fd, F_OFD_SETLK, &range) != 0) {
      if (errno == EAGAIN || errno == EACCES) return std::optional<FileLock>();
      return LockError(path, "lock");
    }
    if (StillNamed(fd, path)) return std::optional<FileLock>(std::move(lock));
  }
}

Result<std::optional<FileLock>> FileLock::TryTake(const Path& path,
                                                  std::string_view holder) {
  BESOM_ASSIGN_OR_RETURN(std::optional<FileLock> lock, Take(path, F_WRLCK));
  if (!lock) return lock;
  if (::ftruncate(lock->fd_, 0) != 0 ||
      ::pwrite(lock->fd_, holder.data(), holder.size(), 0) !=
          static_cast<ssize_t>(holder.size()))
    return ErrnoError(path.string(), "write the holder of the lock");
  return lock;
}

Result<std::optional<FileLock>> FileLock::TryTakeShared(const Path& path) {
  return Take(path, F_RDLCK);
}

Result<bool> FileLock::IsHeld(const Path& path) {
  while (true) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return false;
    if (fd < 0) return ErrnoError(path.string(), "open the lock");
    const FileLock closer(fd, path);
    struct flock range = WholeFile(F_WRLCK);
    if (::fcntl(fd, F_OFD_GETLK, &range) != 0)
      return LockError(path, "ask for the lock");
    if (range.l_type != F_UNLCK) return true;
    if (StillNamed(fd, path)) return false;
  }
}

std::string FileLock::HolderOf(const Path& path) {
  Result<std::string> text = ReadFile(path);
  return text.ok() ? *std::move(text) : "";
}

FileLock::FileLock(FileLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

void FileLock::RemoveFile() {
  if (fd_ >= 0) ::unlink(path_.c_str());
}

}  // namespace besom
