#pragma once

#include <cstddef>
#include <memory>

#include "cluster/communicator.h"

namespace besom::cluster {

/// Opens a channel between all ranks of the MPI world; every rank calls it,
/// in the same order. Messages longer than `piece_bytes` travel in pieces.
/// Where MPI is fault tolerant a dead rank is reported by FailedRanks(); else
/// MPI ends the job. Close() leaves when all living ranks have called it, but
/// waits 10 s at most. REQUIRES: MPI runs with MPI_THREAD_MULTIPLE,
/// 1 <= piece_bytes <= 2^30.
Result<std::unique_ptr<Communicator>> OpenMpiCommunicator(
    std::size_t piece_bytes);

}  // namespace besom::cluster
