#include "stages/model/shard_workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <vector>

namespace besom::stages {
namespace {

TEST(ShardWorkersTest, EveryPieceIsDoneOnceWhateverTheThreads) {
  for (const int threads : {1, 2, 5}) {
    ShardWorkers workers(threads);
    for (const std::size_t count : {0, 1, 4, 100}) {
      std::vector<std::atomic<int>> done(count);
      workers.Run(count, [&](std::size_t piece) { ++done[piece]; });
      for (const auto& times : done) EXPECT_EQ(times, 1);
    }
  }
}

// Would wait for ever otherwise.
TEST(ShardWorkersTest, PiecesAreDoneSideBySide) {
  ShardWorkers workers(3);
  for (int repeat = 0; repeat < 100; ++repeat) {
    std::latch all(3);
    workers.Run(3, [&](std::size_t) { all.arrive_and_wait(); });
  }
}

TEST(ShardWorkersTest, WhatAPieceThrowsIsThrownAndTheNextCallIsAsTheFirst) {
  for (const int threads : {1, 2}) {
    ShardWorkers workers(threads);
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
}  // namespace besom::stages
