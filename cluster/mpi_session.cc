#include "cluster/mpi_session.h"

#include <mpi.h>
#if BESOM_MPI_HAS_ULFM
#include <mpi-ext.h>
#endif

#include <cstdlib>
#include <map>
#include <numeric>
#include <vector>

#include "cluster/cpu.h"
#include "cluster/launch_environment.h"
#include "cluster/mpi_communicator.h"
#include "cluster/mpi_error.h"
#include "cluster/start_watch.h"
#include "pipeline/base/digest.h"
#include "pipeline/base/files.h"

namespace besom::cluster {
namespace {

// Between ranks of one host; shared memory has another name in Open MPI 4.
constexpr const char* kTransports =
    BESOM_MPI_IS_OPEN_MPI_4 ? "vader,tcp,self" : "sm,tcp,self";

void SetDefault(const char* name, const char* value) {
  ::setenv(name, value, /*replace=*/0);
}

// Settings of Open MPI that `besom run` gives to mpirun and that a user's own
// mpirun does not have. MPI reads them when it starts.
void SetMcaDefaults(const LaunchEnvironment& launch) {
  // Finalize of the survivors hangs now and then after a rank died.
  if (std::getenv("OMPI_MCA_mpi_ft_enable") != nullptr)
    SetDefault("OMPI_MCA_async_mpi_finalize", "1");
  // Looking for fast networks costs a second, and one host needs none.
  if (launch.size.value_or(1) == launch.local_size.value_or(1)) {
    SetDefault("OMPI_MCA_pml", "ob1");
    SetDefault("OMPI_MCA_btl", kTransports);
  }
}

// The same on all ranks of a host, and different between hosts, also where
// these share a kernel (containers) or a name.
std::uint64_t HostKey(const std::string& host) {
  const Result<std::string> boot = ReadFile("/proc/sys/kernel/random/boot_id");
  return DigestOf(host + "\n" + (boot.ok() ? *boot : "")).Prefix64();
}

bool RunsFaultTolerant() {
#if BESOM_MPI_HAS_ULFM
  void* value = nullptr;
  int found = 0;
  MPI_Comm_get_attr(MPI_COMM_WORLD, MPIX_FT, &value, &found);
  return found && value != nullptr && *static_cast<int*>(value) != 0;
#else
  return false;
#endif
}

}  // namespace

Result<std::unique_ptr<MpiSession>> MpiSession::Start() {
  const LaunchEnvironment launch = ReadLaunchEnvironment(ProcessEnvironment());
  SetMcaDefaults(launch);
  int provided = MPI_THREAD_SINGLE;
  {
    const StartWatch watch(launch.local_size.value_or(0));
    BESOM_RETURN_IF_ERROR(MpiStatus(
        MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided),
        "MPI_Init_thread"));
  }
  // Ends MPI again on each error below.
  std::unique_ptr<MpiSession> session(new MpiSession);
  if (provided < MPI_THREAD_MULTIPLE)
    return Status(StatusCode::kUnavailable, "MPI",
                  "this MPI does not let several threads call it "
                  "(MPI_THREAD_MULTIPLE)",
                  "build for an MPI that does: set BESOM_MPI to its prefix");
  BESOM_RETURN_IF_ERROR(session->Describe());
  BESOM_RETURN_IF_ERROR(CheckLaunchedByOwnMpi(launch, session->size_));
  return session;
}

Status MpiSession::Describe() {
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  host_ = HostName();
  fault_tolerant_ = RunsFaultTolerant();
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  library_ = std::string(text, static_cast<std::size_t>(length));
  library_ = library_.substr(0, library_.find_first_of(",\n"));
  const std::uint64_t mine = HostKey(host_);
  std::vector<std::uint64_t> keys(static_cast<std::size_t>(size_));
  BESOM_RETURN_IF_ERROR(
      // The check's table of C++ types lacks the 64-bit ones of MPI 3.
      // NOLINTNEXTLINE(mpi-type-mismatch)
      MpiStatus(MPI_Allgather(&mine, 1, MPI_UINT64_T, keys.data(), 1,
                              MPI_UINT64_T, MPI_COMM_WORLD),
                "MPI_Allgather"));
  local_rank_ = local_size_ = 0;
  std::map<std::uint64_t, int> numbers;
  for (int rank = 0; rank < size_; ++rank) {
    const int next = static_cast<int>(numbers.size());
    hosts_.push_back(numbers.emplace(keys[static_cast<std::size_t>(rank)], next)
                         .first->second);
    if (keys[static_cast<std::size_t>(rank)] != mine) continue;
    if (rank < rank_) ++local_rank_;
    ++local_size_;
  }
  return Status::Ok();
}

MpiSession::~MpiSession() { MPI_Finalize(); }

Result<std::unique_ptr<Communicator>> MpiSession::OpenChannel(
    std::size_t piece_bytes) {
  return OpenMpiCommunicator(piece_bytes);
}

Result<std::vector<std::string>> MpiSession::Gather(const std::string& mine) {
  const auto ranks = static_cast<std::size_t>(size_);
  const int length = static_cast<int>(mine.size());
  std::vector<int> lengths(ranks), starts(ranks);
  BESOM_RETURN_IF_ERROR(
      MpiStatus(MPI_Allgather(&length, 1, MPI_INT, lengths.data(), 1, MPI_INT,
                              MPI_COMM_WORLD),
                "MPI_Allgather"));
  std::exclusive_scan(lengths.begin(), lengths.end(), starts.begin(), 0);
  std::string all(static_cast<std::size_t>(starts.back() + lengths.back()),
                  '\0');
  BESOM_RETURN_IF_ERROR(MpiStatus(
      MPI_Allgatherv(mine.data(), length, MPI_CHAR, all.data(), lengths.data(),
                     starts.data(), MPI_CHAR, MPI_COMM_WORLD),
      "MPI_Allgatherv"));
  std::vector<std::string> said;
  for (std::size_t rank = 0; rank < ranks; ++rank)
    said.push_back(all.substr(static_cast<std::size_t>(starts[rank]),
                              static_cast<std::size_t>(lengths[rank])));
  return said;
}

void MpiSession::Abort(int exit_code) {
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::_Exit(exit_code);
}

}  // namespace besom::cluster
