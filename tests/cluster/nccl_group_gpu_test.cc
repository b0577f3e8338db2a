// The NCCL backend on GPUs: the members are threads, member N has GPU N.
#include <cuda_runtime_api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "cluster/group_threads.h"
#include "cluster/nccl_group.h"
#include "pipeline/base/random.h"

namespace besom::cluster {
namespace {

using ::testing::HasSubstr;

std::vector<float> Numbers(std::size_t floats, int shard) {
  KeyedRandom random(7, "nccl", {static_cast<std::uint64_t>(shard)});
  std::vector<float> numbers(floats);
  for (float& number : numbers) number = static_cast<float>(random.Normal());
  return numbers;
}

// Sums on the GPUs and by AddInOrder: equal within the stated tolerance, and
// the same bits on every member.
void SumOnGpus(int ranks) {
  const std::vector<std::size_t> sizes = {0, 1, 17, 1000000};
  std::vector<std::vector<float>> sums(static_cast<std::size_t>(ranks));
  GroupThreads threads(ranks, ranks);
  std::vector<std::thread> bodies;
  for (int rank = 0; rank < ranks; ++rank)
    bodies.emplace_back([&, rank] {
      auto opened = OpenNcclGroup(threads.Join(rank), rank, 60);
      ASSERT_TRUE(opened.ok()) << opened.status().ToString();
      Group& group = **opened;
      EXPECT_TRUE(group.on_device());
      for (const std::size_t floats : sizes) {
        const int bucket = group.AddBucket(floats).value();
        const std::vector<float> mine = Numbers(floats, rank);
        ASSERT_EQ(cudaMemcpy(group.Part(bucket, rank), mine.data(),
                             floats * sizeof(float), cudaMemcpyHostToDevice),
                  cudaSuccess);
        ASSERT_TRUE(group.Start(bucket).ok());
      }
      for (std::size_t b = 0; b < sizes.size(); ++b) {
        const int bucket = static_cast<int>(b);
        ASSERT_TRUE(group.Wait(bucket, 60).ok());
        std::vector<float> sum(sizes[b]);
        ASSERT_EQ(
            cudaMemcpy(sum.data(), group.Sum(bucket),
                       sum.size() * sizeof(float), cudaMemcpyDeviceToHost),
            cudaSuccess);
        auto& all = sums[static_cast<std::size_t>(rank)];
        all.insert(all.end(), sum.begin(), sum.end());
      }
    });
  for (std::thread& body : bodies) body.join();
  for (const auto& sum : sums) ASSERT_EQ(sum, sums.front());
  std::size_t at = 0;
  for (const std::size_t floats : sizes) {
    std::vector<std::vector<float>> parts;
    for (int rank = 0; rank < ranks; ++rank)
      parts.push_back(Numbers(floats, rank));
    for (std::size_t i = 0; i < floats; ++i, ++at) {
      double sum = 0, magnitude = 0;
      for (const auto& part : parts) {
        sum += static_cast<double>(part[i]);
        magnitude += std::fabs(static_cast<double>(part[i]));
      }
      ASSERT_NEAR(static_cast<double>(sums.front()[at]), sum,
                  (ranks - 1) * 0x1p-23 * magnitude);
    }
  }
}

TEST(NcclOneGpuTest, OneMemberSums) { SumOnGpus(1); }

TEST(NcclOneGpuTest, TwoMembersOnOneGpuAreRefused) {
  GroupThreads threads(2, 2);
  std::vector<std::thread> bodies;
  for (int rank = 0; rank < 2; ++rank)
    bodies.emplace_back([&, rank] {
      const auto group = OpenNcclGroup(threads.Join(rank), 0, 60);
      EXPECT_EQ(group.status().code(), StatusCode::kUnavailable);
      EXPECT_THAT(group.status().ToString(), HasSubstr("have the same GPU"));
    });
  for (std::thread& body : bodies) body.join();
}

TEST(NcclTwoGpusTest, TwoMembersSum) { SumOnGpus(2); }

TEST(NcclTwoGpusTest, AnAbortEndsTheSumOfTheOther) {
  GroupThreads threads(2, 2);
  std::vector<std::thread> bodies;
  for (int rank = 0; rank < 2; ++rank)
    bodies.emplace_back([&, rank] {
      auto group = OpenNcclGroup(threads.Join(rank), rank, 60).value();
      if (rank == 1)
        return group->Abort(Status(StatusCode::kFailed, "", "a bad image"));
      const Result<int> bucket = group->AddBucket(1000);
      if (bucket.ok() && group->Start(*bucket).ok())
        (void)group->Wait(*bucket, 60);
      EXPECT_THAT(group->Poll().ToString(), HasSubstr("a bad image"));
    });
  for (std::thread& body : bodies) body.join();
}

}  // namespace
}  // namespace besom::cluster
