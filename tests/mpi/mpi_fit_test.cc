// Runs under mpirun: one head trained by all ranks together.
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "cluster/mpi_groups.h"
#include "pipeline/base/random.h"
#include "stages/model/head/head_fit.h"
#include "tests/mpi/mpi_test_main.h"

namespace besom::stages {
namespace {

using cluster::testing::Session;

TEST(MpiFitTest, AnyNumberOfRanksTrainsTheSameHead) {
  constexpr int kInputs = 300, kImages = 61;
  KeyedRandom random(1, "images");
  std::vector<float> values(std::size_t{kInputs} * kImages);
  for (float& value : values) value = static_cast<float>(random.Normal());
  std::vector<const float*> rows;
  FitData data;
  data.classes = {"a", "b", "c"};
  data.dimension = kInputs;
  for (int i = 0; i < kImages; ++i) {
    rows.push_back(values.data() + std::size_t{kInputs} * i);
    data.train_labels.push_back(i % 3);
  }
  data.train_rows = [&](int) { return Result(rows); };
  data.validation_rows = rows;
  data.validation_labels = data.train_labels;
  TrainSettings settings;
  settings.epochs = 4;
  // Wide enough for its gradients to travel in several buckets and slices.
  const HeadSettings head{.hidden = {1000, 64}};
  auto groups = cluster::MpiGroups::Open();
  ASSERT_TRUE(groups.ok()) << groups.status().ToString();
  std::vector<int> ranks(static_cast<std::size_t>(Session().size()));
  std::iota(ranks.begin(), ranks.end(), 0);
  for (int shards = Session().size(); shards <= 5; ++shards) {
    const auto fit = [&](cluster::Group* group) {
      return FitHead(data, {head, settings, {}}, 5, {}, BestHeadKernels(),
                     {.count = shards, .group = group});
    };
    const auto alone = fit(nullptr);
    const auto group = (*groups)->Join({ranks, shards, shards});
    const auto together = fit(group.get());
    ASSERT_TRUE(together.ok()) << together.status().ToString();
    EXPECT_EQ(together->weights, alone->weights);
    EXPECT_EQ(together->epochs.back().train_loss,
              alone->epochs.back().train_loss);
  }
}

}  // namespace
}  // namespace besom::stages
