#include "cluster/launch_environment.h"

#include <array>
#include <charconv>
#include <cstdlib>

namespace besom::cluster {
namespace {

std::optional<int> Number(const Environment& environment,
                          std::string_view name) {
  const std::optional<std::string> text = environment(name);
  if (!text) return std::nullopt;
  int number = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

struct Family {
  const char* launcher;
  const char* rank;
  const char* size;
  const char* local_size;
};

// Nearest to the rank first: mpirun inside a Slurm step leaves the step's
// variables in place, and Open MPI's launcher is a PMIx server as well.
constexpr std::array<Family, 4> kFamilies = {{
    {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"PMI", "PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"},
    {"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", ""},
    {"PMIx", "PMIX_RANK", "", ""},
}};

}  // namespace

Environment ProcessEnvironment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

LaunchEnvironment ReadLaunchEnvironment(const Environment& environment) {
  LaunchEnvironment launch;
  for (const Family& family : kFamilies) {
    const bool named_by_size = *family.size != '\0';
    const std::optional<int> size = Number(environment, family.size);
    const std::optional<int> rank = Number(environment, family.rank);
    if (named_by_size ? !size : !rank) continue;
    launch.launcher = family.launcher;
    launch.size = size;
    launch.rank = rank;
    launch.local_size = Number(environment, family.local_size);
    break;
  }
  return launch;
}

bool IsMpiRank(const Environment& environment) {
  return environment("OMPI_COMM_WORLD_RANK") || environment("PMIX_RANK") ||
         environment("PMI_RANK");
}

std::map<std::string, std::string> EnvironmentWithoutMpi(
    const Environment& environment) {
  if (IsMpiRank(environment)) return {};
  // UCX rewrites the functions that map memory as soon as it is loaded, which
  // takes 40 ms; only its transports need to know of maps.
  return {{"UCX_MEM_EVENTS", "no"}};
}

Status CheckLaunchedByOwnMpi(const LaunchEnvironment& launch, int mpi_size) {
  if (mpi_size > 1) return Status::Ok();
  const bool several = launch.size.value_or(1) > 1 ||
                       (!launch.size && launch.rank.value_or(0) > 0);
  if (!several) return Status::Ok();
  const std::string count =
      launch.size ? std::to_string(*launch.size) : "several";
  return {StatusCode::kUnavailable, "MPI",
          "a launcher (" + launch.launcher + ") started " + count +
              " ranks, but this program's MPI sees one: they belong to "
              "different MPI installations",
          "start with the mpirun that `besom env` puts on the PATH, or use "
          "`besom run -n " +
              (launch.size ? count : std::string("N")) +
              "`; inside a Slurm allocation use mpirun, not srun; to build "
              "for another MPI set BESOM_MPI to its prefix"};
}

}  // namespace besom::cluster
