#include "pipeline/store/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace besom {

Result<std::optional<FileLock>> FileLock::TryTake(const Path& path,
                                                  std::string_view holder) {
  BESOM_RETURN_IF_ERROR(MakeFolders(path.parent_path()));
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoError(path.string(), "open the lock");
  FileLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::optional<FileLock>();
    return ErrnoError(path.string(), "lock");
  }
  if (::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, holder.data(), holder.size(), 0) !=
          static_cast<ssize_t>(holder.size()))
    return ErrnoError(path.string(), "write the holder of the lock");
  return std::optional<FileLock>(std::move(lock));
}

std::string FileLock::HolderOf(const Path& path) {
  Result<std::string> text = ReadFile(path);
  return text.ok() ? *std::move(text) : "";
}

FileLock::FileLock(FileLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace besom
