#include "pipeline/base/worker_threads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace besom {
namespace {

TEST(WorkerThreadsTest, EveryPieceIsDoneOnceWhateverTheThreads) {
  for (const int threads : {1, 2, 5}) {
    WorkerThreads workers(threads);
    for (const std::size_t count : {0, 1, 4, 100}) {
      std::vector<std::atomic<int>> done(count);
      workers.Run(count, [&](std::size_t piece) { ++done[piece]; });
      for (const auto& times : done) EXPECT_EQ(times, 1);
    }
  }
}

TEST(WorkerThreadsTest, ThreadsForOneCallAreNoMoreThanThePieces) {
  for (const int threads : {-1, 0, 1, 3, 100})
    for (const std::size_t count : {0, 1, 4}) {
      std::vector<std::atomic<int>> done(count);
      std::mutex mutex;
      std::set<std::thread::id> ids;
      RunInThreads(threads, count, [&](std::size_t piece) {
        ++done[piece];
        const std::lock_guard lock(mutex);
        ids.insert(std::this_thread::get_id());
      });
      for (const auto& times : done) EXPECT_EQ(times, 1);
      EXPECT_LE(ids.size(), std::min<std::size_t>(count, std::max(threads, 1)));
    }
}

// Would wait for ever otherwise.
TEST(WorkerThreadsTest, PiecesAreDoneSideBySide) {
  WorkerThreads workers(3);
  for (int repeat = 0; repeat < 100; ++repeat) {
    std::latch all(3);
    workers.Run(3, [&](std::size_t) { all.arrive_and_wait(); });
  }
}

TEST(WorkerThreadsTest, WhatAPieceThrowsIsThrownAndTheNextCallIsAsTheFirst) {
  for (const int threads : {1, 2}) {
    WorkerThreads workers(threads);
    std::atomic<int> begun = 0;
    const auto throws_at_3 = [&](std::size_t piece) {
      ++begun;
      if (piece == 3) throw std::runtime_error("no");
    };
    EXPECT_THROW(workers.Run(1000, throws_at_3), std::runtime_error);
    if (threads == 1) {
      EXPECT_EQ(begun, 4);
    }
    begun = 0;
    workers.Run(10, [&](std::size_t) { ++begun; });
    EXPECT_EQ(begun, 10);
  }
}

}  // namespace
}  // namespace besom
