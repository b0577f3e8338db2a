#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cluster/communicator.h"

namespace besom::cluster {

/// MPI from its start to its end in this process. Made once per process, on
/// the thread that also destroys it; every channel is closed before.
class MpiSession {
 public:
  /// Starts MPI with MPI_THREAD_MULTIPLE. Sets the MCA variables that a plain
  /// `mpirun` leaves out and that this job needs (see mpi_session.cc), unless
  /// the environment has them. kUnavailable, with the cure, when the MPI has
  /// no full thread support, or when another MPI's launcher started this
  /// process, so that each rank would be a world of its own.
  static Result<std::unique_ptr<MpiSession>> Start();

  /// Ends MPI; waits for the ranks that live.
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  /// Number of this rank among those on its host, and how many they are.
  int local_rank() const { return local_rank_; }
  int local_size() const { return local_size_; }
  const std::string& host() const { return host_; }
  /// By rank: its host, as numbers from 0 that are equal for ranks of one.
  const std::vector<int>& hosts() const { return hosts_; }
  /// The library's own words, e.g. "Open MPI v5.0.11".
  const std::string& library() const { return library_; }
  /// Whether a dead rank is reported instead of ending the job: the library
  /// can (ULFM), and mpirun was started with `--with-ft ulfm`.
  bool fault_tolerant() const { return fault_tolerant_; }

  /// Opens a control channel between all ranks; every rank calls it, in the
  /// same order. `piece_bytes`: longer messages travel in pieces of it.
  Result<std::unique_ptr<Communicator>> OpenChannel(
      std::size_t piece_bytes = std::size_t{64} << 20);

  /// What every rank says, by rank. Every rank calls it, in the same order as
  /// it opens its channels, before any rank may have died.
  Result<std::vector<std::string>> Gather(const std::string& mine);

  /// Ends all ranks of the job at once with this exit code.
  [[noreturn]] void Abort(int exit_code);

 private:
  MpiSession() = default;
  Status Describe();

  int rank_ = 0;
  int size_ = 1;
  int local_rank_ = 0;
  int local_size_ = 1;
  std::string host_;
  std::vector<int> hosts_;
  std::string library_;
  bool fault_tolerant_ = false;
};

}  // namespace besom::cluster
