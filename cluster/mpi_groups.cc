#include "cluster/mpi_groups.h"

#include <algorithm>
#include <string>
#include <utility>

#include "cluster/mpi_error.h"
#include "cluster/mpi_group.h"

namespace besom::cluster {
namespace {

// Open MPI has 2^31 tags, which three kinds of messages of 256 starts of 2^20
// groups need.
constexpr int kLeastTags = (1 << 30) - 1;

}  // namespace

MpiGroupChannel::~MpiGroupChannel() {
  Sweep();
  if (!remains.empty()) new std::vector<Remains>(std::move(remains));
}

void MpiGroupChannel::Sweep() {
  std::erase_if(remains, [](Remains& it) {
    std::erase_if(it.requests, [](MPI_Request& request) {
      int done = 0;
      const int code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (code != MPI_SUCCESS && request != MPI_REQUEST_NULL)
        MPI_Request_free(&request);
      return code != MPI_SUCCESS || done;
    });
    return it.requests.empty();
  });
}

Result<std::unique_ptr<MpiGroups>> MpiGroups::Open() {
  void* tags = nullptr;
  int found = 0;
  MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &tags, &found);
  if (!found || *static_cast<int*>(tags) < kLeastTags)
    return Status(StatusCode::kUnavailable, "MPI",
                  "this MPI has too few message tags for data-parallel groups",
                  "build for Open MPI: set BESOM_MPI to its prefix");
  MPI_Comm comm = MPI_COMM_NULL;
  BESOM_RETURN_IF_ERROR(
      MpiStatus(MPI_Comm_dup(MPI_COMM_WORLD, &comm), "MPI_Comm_dup"));
  MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
  return std::unique_ptr<MpiGroups>(
      new MpiGroups(std::make_shared<MpiGroupChannel>(comm)));
}

MpiGroups::MpiGroups(std::shared_ptr<MpiGroupChannel> channel)
    : channel_(std::move(channel)) {}

// The communicator is not freed: MPI would give its number to the next one
// while messages of this one may still travel.
MpiGroups::~MpiGroups() = default;

std::unique_ptr<Group> MpiGroups::Join(const GroupMembers& members) {
  int self = 0;
  MPI_Comm_rank(channel_->comm, &self);
  const auto at = std::ranges::find(members.ranks, self);
  BESOM_CHECK(at != members.ranks.end(),
              "rank " + std::to_string(self) + " is no member");
  channel_->Sweep();
  const int rank = static_cast<int>(at - members.ranks.begin());
  return std::make_unique<MpiGroup>(channel_, rank, members);
}

}  // namespace besom::cluster
