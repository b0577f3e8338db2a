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

/// As ErrnoError; kUnavailable, with a cure, for a file system without locks.
Status LockError(const Path& path, std::string_view action) {
  const int error = errno;
  Status plain = ErrnoError(path.string(), action);
  if (error != ENOLCK && error != ENOSYS && error != EOPNOTSUPP &&
      error != EINVAL)
    return plain;
  return {StatusCode::kUnavailable, plain.place(), plain.cause(),
          "the file system has no working locks: mount it with locks (Lustre: "
          "-o flock), or name a workspace elsewhere with -w"};
}

/// What `path` names now, compared with the file that `fd` has open.
enum class Named { kSame, kOther, kUnknown };
Named WhatIsNamed(int fd, const Path& path) {
  struct stat opened {
  }, named{};
  if (::fstat(fd, &opened) != 0)
    return errno == ESTALE ? Named::kOther : Named::kUnknown;
  if (opened.st_nlink == 0) return Named::kOther;
  if (::stat(path.c_str(), &named) != 0)
    return errno == ENOENT ? Named::kOther : Named::kUnknown;
  return opened.st_ino == named.st_ino && opened.st_dev == named.st_dev
             ? Named::kSame
             : Named::kOther;
}

int Control(int fd, int command, struct flock* range) {
  return ::fcntl(fd, command, range);
}

}  // namespace

LockCalls LockCalls::System() { return {Control}; }

Result<std::optional<FileLock>> FileLock::Take(const Path& path, short kind,
                                               const LockCalls& calls) {
  BESOM_RETURN_IF_ERROR(MakeFolders(path.parent_path()));
  const int access = kind == F_WRLCK ? O_RDWR : O_RDONLY;
  while (true) {
    const int fd = ::open(path.c_str(), access | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return ErrnoError(path.string(), "open the lock");
    FileLock lock(fd, path);
    struct flock range = WholeFile(kind);
    if (calls.control(fd, F_OFD_SETLK, &range) != 0) {
      if (errno == EAGAIN || errno == EACCES) return std::optional<FileLock>();
      return LockError(path, "lock");
    }
    const Named named = WhatIsNamed(fd, path);
    if (named == Named::kSame) return std::optional<FileLock>(std::move(lock));
    if (named == Named::kUnknown) return ErrnoError(path.string(), "look at");
  }
}

Status FileLock::WriteHolder(std::string_view holder) const {
  if (::ftruncate(fd_, 0) != 0 ||
      ::pwrite(fd_, holder.data(), holder.size(), 0) !=
          static_cast<ssize_t>(holder.size()))
    return ErrnoError(path_.string(), "write the holder of the lock");
  return Status::Ok();
}

Result<std::optional<FileLock>> FileLock::TryTake(const Path& path,
                                                  std::string_view holder,
                                                  const LockCalls& calls) {
  BESOM_ASSIGN_OR_RETURN(std::optional<FileLock> lock,
                         Take(path, F_WRLCK, calls));
  if (lock) BESOM_RETURN_IF_ERROR(lock->WriteHolder(holder));
  return lock;
}

Result<std::optional<FileLock>> FileLock::Break(const Path& path,
                                                std::string_view holder,
                                                const LockCalls& calls) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return ErrnoError(path.string(), "remove the lock");
  return TryTake(path, holder, calls);
}

Result<std::optional<FileLock>> FileLock::PutUnlocked(const Path& path,
                                                      std::string_view holder) {
  BESOM_RETURN_IF_ERROR(MakeFolders(path.parent_path()));
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return ErrnoError(path.string(), "remove the lock");
  const int fd =
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0 && errno == EEXIST) return std::optional<FileLock>();
  if (fd < 0) return ErrnoError(path.string(), "make the lock");
  FileLock lock(fd, path);
  BESOM_RETURN_IF_ERROR(lock.WriteHolder(holder));
  return std::optional<FileLock>(std::move(lock));
}

Result<std::optional<FileLock>> FileLock::TryTakeShared(const Path& path) {
  return Take(path, F_RDLCK, LockCalls::System());
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
    if (WhatIsNamed(fd, path) != Named::kOther) return false;
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
  if (fd_ >= 0 && IsNamed()) ::unlink(path_.c_str());
}

bool FileLock::IsNamed() const {
  return WhatIsNamed(fd_, path_) != Named::kOther;
}

}  // namespace besom
