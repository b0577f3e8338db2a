#pragma once

#include <map>
#include <string>
#include <vector>

#include "pipeline/base/files.h"

namespace besom::cluster {

/// Folders of one job for the files that Open MPI keeps while it runs, removed
/// with all that is in them at the end. In a shared folder an mpirun that ends
/// takes away what another one has just made: 4 of 600 starts, four at a time,
/// failed (Open MPI 5.0.11, exit code 213), and none of 400 with a folder
/// each. A killed mpirun also leaves its files behind, in /dev/shm too; so
/// does a killed launcher, whose folders the next one on this host removes: a
/// folder is locked (flock) while its launcher lives.
class JobScratch {
 public:
  /// Makes the folders; `single_host` also the one for shared memory, which
  /// other hosts do not have. What cannot be made is left to Open MPI.
  /// `open_mpi_4`: for that, not for Open MPI 5.
  explicit JobScratch(bool single_host, bool open_mpi_4 = false);
  ~JobScratch();
  JobScratch(const JobScratch&) = delete;
  JobScratch& operator=(const JobScratch&) = delete;

  /// The variables that tell mpirun and its ranks to use the folders.
  const std::map<std::string, std::string>& environment() const {
    return environment_;
  }

 private:
  void Add(const Path& parent, const char* variable);
  static void RemoveDead(const Path& parent);

  std::vector<Path> folders_;
  std::vector<int> locks_;  // Descriptors of the folders.
  std::map<std::string, std::string> environment_;
};

}  // namespace besom::cluster
