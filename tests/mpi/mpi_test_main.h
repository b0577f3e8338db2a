#pragma once

#include "cluster/mpi_session.h"

namespace besom::cluster::testing {

/// MPI, while a test program that links mpi_test_main runs: every rank runs
/// the same tests in the same order.
MpiSession& Session();

}  // namespace besom::cluster::testing
