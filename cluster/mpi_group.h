#pragma once

#include <mpi.h>

#include <memory>
#include <string>
#include <vector>

#include "cluster/host_group.h"
#include "cluster/mpi_groups.h"
#include "cluster/wake_signal.h"
#include "pipeline/base/clock.h"

namespace besom::cluster {

/// What all groups of a process share.
struct MpiGroupChannel {
  /// Memory that MPI may still touch after its group has ended, and the
  /// requests that do.
  struct Remains {
    std::vector<std::vector<float>> floats;
    std::shared_ptr<const std::string> text;
    std::vector<MPI_Request> requests;
  };

  explicit MpiGroupChannel(MPI_Comm comm_in) : comm(comm_in) {}
  /// MPI goes on using what it has not finished, so this is never freed.
  ~MpiGroupChannel();
  /// Frees what MPI has finished by now.
  void Sweep();

  const MPI_Comm comm;
  std::vector<Remains> remains;
};

/// A member of a group, on MPI.
///
/// Invariants:
/// (1) Every rank gets slice `rank` of a bucket's shards from their owners
///     (tag kPart), adds them and sends the sum to all (tag kSum). Short
///     buckets have fewer slices.
/// (2) The n-th start of all members is the same bucket; n is in the tag.
/// (3) Who breaks the group for a reason of its own sends it to all (kBreak).
class MpiGroup final : public HostGroup {
 public:
  MpiGroup(std::shared_ptr<MpiGroupChannel> channel, int rank,
           const GroupMembers& members);
  ~MpiGroup() override;

  void Abort(const Status& reason) override;

 private:
  enum Tag { kPart = 0, kSum = 1, kBreak = 2 };

  // A piece of a bucket on its way.
  struct Transfer {
    MPI_Request request = MPI_REQUEST_NULL;
    int peer = 0;  // Member.
    bool receives = false;
  };

  // A bucket on its way.
  struct Flight {
    int start = 0;                // Number of this start among all.
    std::vector<Transfer> parts;  // Towards this rank's slice.
    std::vector<Transfer> others;
    std::vector<std::vector<float>> received;  // By shard; none for own ones.
    bool added = false;                        // This rank's slice.
    bool done = true;
  };

  Status Add(int bucket) override;
  Status Begin(int bucket) override;
  Status Move() override;
  Status Finish(int bucket, double timeout_seconds) override;

  int Slices(std::size_t floats) const;
  IndexRange Slice(std::size_t floats, int owner) const;
  int TagOf(Tag kind, int start) const;
  void Receive(float* to, std::size_t floats, int peer, int tag,
               std::vector<Transfer>& list);
  void Send(const float* from, std::size_t floats, int peer, int tag,
            std::vector<Transfer>& list);
  void ReceivePieces(int bucket);
  void SendParts(int bucket);
  bool MoveFlight(int bucket);
  void AddSlice(int bucket);
  bool Advance(std::vector<Transfer>& list);
  void BreakFor(int peer, int code, const char* call);
  void HearBreaks();
  void TellBreak();
  void Leave();
  std::string Awaited(int bucket) const;
  double PauseSeconds(double waited);

  const std::shared_ptr<MpiGroupChannel> channel_;
  const std::vector<int> ranks_;  // Of the world, by member.
  const int tag_base_;
  SystemClock clock_;
  WakeSignal signal_;
  std::vector<Flight> flights_;  // By bucket.
  int starts_ = 0;
  bool moved_ = false;  // Whether the last Move() finished any transfer.
  bool told_ = false;   // The break, to the others; or they know it.
  bool sharp_timer_ = false;
  std::shared_ptr<const std::string> break_text_;
  std::vector<Transfer> break_sends_;
};

}  // namespace besom::cluster
