// job_program RANKS STOP_SECONDS WORKER...: runs a job as `besom run -n` does,
// tells on stderr how it ended, and returns mpirun's exit code.
#include <cstdio>
#include <cstdlib>

#include "cluster/interrupt.h"
#include "cluster/job_launcher.h"

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  besom::cluster::Interrupt interrupt;
  besom::cluster::MpiJob job;
  job.mpi = besom::cluster::BuiltMpi();
  job.ranks = std::atoi(argv[1]);
  job.stop_seconds = std::atof(argv[2]);
  job.kill_seconds = 1;
  job.worker.assign(argv + 3, argv + argc);
  const auto outcome = besom::cluster::RunMpiJob(job, interrupt);
  if (!outcome.ok()) {
    std::fprintf(stderr, "%s\n", outcome.status().ToString().c_str());
    return besom::ExitCodeOf(outcome.status());
  }
  std::fprintf(stderr, "outcome exit=%d signal=%d interrupts=%d killed=%d\n",
               outcome->exit_code, outcome->signal, outcome->interrupts,
               outcome->killed ? 1 : 0);
  return outcome->exit_code;
}
