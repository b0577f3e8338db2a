#include "cluster/job_scratch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <system_error>

namespace besom::cluster {
namespace {

constexpr const char* kPrefix = "besom-mpi-";
// A folder that is made just now is not locked yet.
constexpr time_t kYoungSeconds = 60;

bool IsOursAndOld(const Path& folder) {
  struct stat info {};
  return ::lstat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode) &&
         info.st_uid == ::geteuid() &&
         ::time(nullptr) - info.st_mtime > kYoungSeconds;
}

}  // namespace

JobScratch::JobScratch(bool single_host, bool open_mpi_4) {
  std::error_code error;
  const Path temporary = std::filesystem::temp_directory_path(error);
  if (!error)
    Add(temporary, open_mpi_4 ? "OMPI_MCA_orte_tmpdir_base"
                              : "PRTE_MCA_prte_local_tmpdir_base");
  if (single_host)
    Add("/dev/shm", open_mpi_4 ? "OMPI_MCA_btl_vader_backing_directory"
                               : "OMPI_MCA_btl_sm_backing_directory");
}

JobScratch::~JobScratch() {
  std::error_code ignored;
  for (const Path& folder : folders_)
    std::filesystem::remove_all(folder, ignored);
  for (const int lock : locks_) ::close(lock);
}

void JobScratch::Add(const Path& parent, const char* variable) {
  RemoveDead(parent);
  std::string name = (parent / kPrefix).string() + "XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return;
  folders_.push_back(name);
  environment_[variable] = name;
  const int fd = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  locks_.push_back(fd);
  (void)::flock(fd, LOCK_EX | LOCK_NB);
}

/// Removes the folders of launchers that were killed.
void JobScratch::RemoveDead(const Path& parent) {
  std::error_code error;
  std::filesystem::directory_iterator entries(parent, error), end;
  for (; !error && entries != end; entries.increment(error)) {
    const Path& folder = entries->path();
    if (!folder.filename().string().starts_with(kPrefix) ||
        !IsOursAndOld(folder))
      continue;
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) continue;
    std::error_code ignored;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0)
      std::filesystem::remove_all(folder, ignored);
    ::close(fd);
  }
}

}  // namespace besom::cluster
