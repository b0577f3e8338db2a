#include "cluster/job_scratch.h"

#include <stdlib.h>

#include <system_error>

namespace besom::cluster {

JobScratch::JobScratch(bool single_host) {
  std::error_code error;
  const Path temporary = std::filesystem::temp_directory_path(error);
  if (!error) Add(temporary, "PRTE_MCA_prte_local_tmpdir_base");
  if (single_host) Add("/dev/shm", "OMPI_MCA_btl_sm_backing_directory");
}

JobScratch::~JobScratch() {
  std::error_code ignored;
  for (const Path& folder : folders_)
    std::filesystem::remove_all(folder, ignored);
}

void JobScratch::Add(const Path& parent, const char* variable) {
  std::string name = (parent / "besom-mpi-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return;
  folders_.push_back(name);
  environment_[variable] = name;
}

}  // namespace besom::cluster
