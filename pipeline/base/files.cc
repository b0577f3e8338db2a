#include "pipeline/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
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
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  /// Closes now; false when the file system reports a late write error.
  bool Close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

FileStat FileStatOf(const struct stat& info) {
  return {static_cast<std::uint64_t>(info.st_size),
          info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec,
          info.st_ino};
}

/// As ErrnoError, with the cure of what a disk may refuse.
Status DiskError(const Path& path, std::string_view action) {
  const int error = errno;
  const Status plain = ErrnoError(path.string(), action);
  const auto with = [&](const char* cure) {
    return Status(plain.code(), plain.place(), plain.cause(), cure);
  };
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return with(
          "free some disk space or quota, then run the same command: it goes "
          "on from there");
    case EFBIG:
      return with("raise the limit of file sizes (ulimit -f)");
    case EACCES:
    case EPERM:
    case EROFS:
      return with("give yourself the right to write there");
    case EIO:
      return with(
          "the disk or the network file system failed: see the system's log");
    default:
      return plain;
  }
}

Status WriteAll(int fd, std::span<const std::byte> bytes, const Path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return DiskError(path, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return Status::Ok();
}

const std::string& HostName() {
  static const std::string name = [] {
    char buffer[256] = {};
    return std::string(::gethostname(buffer, sizeof buffer - 1) == 0 ? buffer
                                                                     : "");
  }();
  return name;
}

constexpr std::string_view kTemporarySuffix = ".tmp";

/// Takes a number with a dot before it off the end of `text`.
std::optional<std::int64_t> TakeNumber(std::string_view& text) {
  const std::size_t dot = text.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] =
      std::from_chars(text.data() + dot + 1, end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  text.remove_suffix(text.size() - dot);
  return number;
}

/// True for a TemporaryFor name of a process of this host that is gone.
bool IsDeadTemporary(std::string_view name) {
  if (!name.starts_with('.') || !name.ends_with(kTemporarySuffix)) return false;
  name.remove_suffix(kTemporarySuffix.size());
  if (!TakeNumber(name)) return false;
  const std::optional<std::int64_t> pid = TakeNumber(name);
  if (!pid || *pid <= 0 || !name.ends_with("." + HostName())) return false;
  return ::kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH;
}

int CreateFile(const Path& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
}

Status WriteAndSync(Descriptor fd, const Path& temporary,
                    std::span<const std::byte> bytes, const DiskCalls& disk) {
  BESOM_RETURN_IF_ERROR(WriteAll(fd.get(), bytes, temporary));
  if (disk.sync(fd.get()) != 0) return DiskError(temporary, "sync to disk");
  if (!fd.Close()) return DiskError(temporary, "close");
  return Status::Ok();
}

}  // namespace

Path TemporaryFor(const Path& path) {
  static std::atomic<std::uint64_t> serial{0};
  return path.parent_path() /
         fmt::format(".{}.{}.{}.{}{}", path.filename().string(), HostName(),
                     ::getpid(), serial++, kTemporarySuffix);
}

namespace {

/// Writes `bytes` durably to a temporary file beside `path`; after an error
/// there is none.
Result<Path> WriteBeside(const Path& path, std::span<const std::byte> bytes,
                         const DiskCalls& disk) {
  Path temporary = TemporaryFor(path);
  int fd = CreateFile(temporary);
  if (fd < 0 && errno == ENOENT) {
    BESOM_RETURN_IF_ERROR(MakeFolders(path.parent_path()));
    fd = CreateFile(temporary);
  }
  while (fd < 0 && errno == EEXIST)  // Of a dead process with our number.
    fd = CreateFile(temporary = TemporaryFor(path));
  if (fd < 0) return DiskError(temporary, "create");
  Status status = WriteAndSync(Descriptor(fd), temporary, bytes, disk);
  if (status.ok()) return temporary;
  ::unlink(temporary.c_str());
  return status;
}

}  // namespace

DiskCalls DiskCalls::System() { return {::fsync, ::rename}; }

Result<FileStat> StatFile(const Path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return ErrnoError(path.string(), "look at");
  if (!S_ISREG(info.st_mode))
    return InvalidError(path.string(), "not a regular file");
  return FileStatOf(info);
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

Status WriteFileAtomic(const Path& path, std::span<const std::byte> bytes,
                       const DiskCalls& disk) {
  BESOM_ASSIGN_OR_RETURN(const Path temporary,
                         WriteBeside(path, bytes, disk));
  if (disk.rename(temporary.c_str(), path.c_str()) != 0) {
    Status status = DiskError(path, "rename into place");
    ::unlink(temporary.c_str());
    return status;
  }
  return SyncFolder(path.parent_path(), disk);
}

Result<bool> MakeFileOnce(const Path& path, std::string_view text) {
  BESOM_ASSIGN_OR_RETURN(
      const Path temporary,
      WriteBeside(path, std::as_bytes(std::span(text)), DiskCalls::System()));
  Status status;
  bool made = ::link(temporary.c_str(), path.c_str()) == 0;
  if (!made && errno != EEXIST) status = DiskError(path, "make");
  // A server may have done it and lost its answer.
  struct stat info {};
  if (!made && ::stat(temporary.c_str(), &info) == 0) made = info.st_nlink > 1;
  ::unlink(temporary.c_str());
  if (!made && !status.ok()) return status;
  return made;
}

Status WriteFileAtomic(const Path& path, std::string_view text) {
  return WriteFileAtomic(path, std::as_bytes(std::span(text)));
}

Result<std::vector<Path>> ListDeadTemporaries(const Path& folder) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error), end;
  std::vector<Path> dead;
  if (error == std::errc::no_such_file_or_directory) return dead;
  for (; !error && entries != end; entries.increment(error))
    if (IsDeadTemporary(entries->path().filename().string()))
      dead.push_back(entries->path());
  if (error)
    return IoError(folder.string(),
                   fmt::format("cannot list: {}", error.message()));
  return dead;
}

Result<int> RemoveDeadTemporaries(const Path& folder) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<Path> dead,
                         ListDeadTemporaries(folder));
  for (const Path& path : dead)
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      return DiskError(path, "remove");
  return static_cast<int>(dead.size());
}

Status MakeFolders(const Path& path) {
  if (path.empty() || std::filesystem::is_directory(path)) return Status::Ok();
  BESOM_RETURN_IF_ERROR(MakeFolders(path.parent_path()));
  if (::mkdir(path.c_str(), 0777) == 0) return SyncFolder(path.parent_path());
  if (errno == EEXIST && std::filesystem::is_directory(path))
    return Status::Ok();  // Another process was faster.
  return DiskError(path, "make the folder");
}

Status SyncFolder(const Path& folder, const DiskCalls& disk) {
  const Path named = folder.empty() ? Path(".") : folder;
  const Descriptor fd(
      ::open(named.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return DiskError(named, "open the folder");
  // EINVAL: a file system that has nothing to sync in folders.
  if (disk.sync(fd.get()) != 0 && errno != EINVAL)
    return DiskError(named, "sync the folder");
  return Status::Ok();
}

Result<std::shared_ptr<const MappedFile>> MappedFile::Open(const Path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoError(path.string(), "open");
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0)
    return ErrnoError(path.string(), "look at");
  if (!S_ISREG(info.st_mode))
    return InvalidError(path.string(), "not a regular file");
  const auto size = static_cast<std::size_t>(info.st_size);
  void* address = nullptr;
  if (size > 0) {
    address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (address == MAP_FAILED) return ErrnoError(path.string(), "map");
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(
      {static_cast<const std::byte*>(address), size}, FileStatOf(info), path));
}

MappedFile::MappedFile(std::span<const std::byte> bytes, const FileStat& stat,
                       const Path& path)
    : bytes_(bytes), stat_(stat) {
  if (!bytes_.empty()) guard_.emplace(bytes_, path);
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  guard_.reset();  // First: the address may be another map's at once.
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace besom
