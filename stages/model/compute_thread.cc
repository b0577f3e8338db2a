#include "stages/model/compute_thread.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

namespace besom::stages {

void PrepareComputeThread(int threads) {
  // Both settings belong to a thread, so what was done is remembered by it.
  thread_local int prepared = 0;
  if (prepared == threads) return;
  at::set_num_threads(threads);
  at::globalContext().setFlushDenormal(true);
  // The pool's threads have a mode of their own: with one chunk a thread,
  // each runs once.
  at::parallel_for(0, threads, 1, [](std::int64_t, std::int64_t) {
    at::globalContext().setFlushDenormal(true);
  });
  prepared = threads;
}

}  // namespace besom::stages
