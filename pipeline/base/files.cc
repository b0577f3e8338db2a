#include "pipeline/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>
#include <vector>

namespace besom {
namespace {

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  /// Closes now; false when the file system reports a late write error.
  bool Close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

Status WriteAll(int fd, std::span<const std::byte> bytes, const Path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(path.string(), "write");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return Status::Ok();
}

Status SyncFolder(const Path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0)
    return ErrnoError(folder.string(), "sync the folder");
  return Status::Ok();
}

Status WriteAndRename(const Path& temporary, const Path& path,
                      std::span<const std::byte> bytes) {
  Descriptor fd(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (fd.get() < 0) return ErrnoError(temporary.string(), "create");
  BESOM_RETURN_IF_ERROR(WriteAll(fd.get(), bytes, temporary));
  if (::fsync(fd.get()) != 0)
    return ErrnoError(temporary.string(), "sync to disk");
  if (!fd.Close()) return ErrnoError(temporary.string(), "close");
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return ErrnoError(path.string(), "rename into place");
  return Status::Ok();
}

}  // namespace

Result<FileStat> StatFile(const Path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return ErrnoError(path.string(), "look at");
  if (!S_ISREG(info.st_mode))
    return InvalidError(path.string(), "not a regular file");
  return FileStat{static_cast<std::uint64_t>(info.st_size),
                  info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec,
                  info.st_ino};
}

Result<std::string> ReadFile(const Path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoError(path.string(), "open");
  std::string text;
  struct stat info {};
  if (::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode))
    text.reserve(static_cast<std::size_t>(info.st_size) + 1);
  std::vector<char> buffer(1 << 16);
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(path.string(), "read");
    if (n == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

Result<Digest> DigestOfFile(const Path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoError(path.string(), "open");
  Hasher hasher;
  std::vector<std::byte> buffer(1 << 18);
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(path.string(), "read");
    if (n == 0) return hasher.Finish();
    hasher.Update(std::span(buffer).first(static_cast<std::size_t>(n)));
  }
}

Status WriteFileAtomic(const Path& path, std::span<const std::byte> bytes) {
  static std::atomic<std::uint64_t> serial{0};
  const Path folder = path.has_parent_path() ? path.parent_path() : Path(".");
  BESOM_RETURN_IF_ERROR(MakeFolders(folder));
  const Path temporary =
      folder / fmt::format(".{}.{}.{}.tmp", path.filename().string(),
                           ::getpid(), serial++);
  if (Status status = WriteAndRename(temporary, path, bytes); !status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  return SyncFolder(folder);
}

Status WriteFileAtomic(const Path& path, std::string_view text) {
  return WriteFileAtomic(path, std::as_bytes(std::span(text)));
}

Status MakeFolders(const Path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error)
    return IoError(path.string(),
                   fmt::format("cannot make the folder: {}", error.message()));
  return Status::Ok();
}

Result<std::shared_ptr<const MappedFile>> MappedFile::Open(const Path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoError(path.string(), "open");
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0)
    return ErrnoError(path.string(), "look at");
  const auto size = static_cast<std::size_t>(info.st_size);
  void* address = nullptr;
  if (size > 0) {
    address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (address == MAP_FAILED) return ErrnoError(path.string(), "map");
  }
  return std::shared_ptr<const MappedFile>(
      new MappedFile({static_cast<const std::byte*>(address), size}));
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace besom
