// Prints how much processor time one head takes: INPUTS HIDDEN BATCH IMAGES
// EPOCHS [SET], without validation, as the loop of head_bench.py. SET names the
// kernels.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "pipeline/base/random.h"
#include "stages/model/head/head_fit.h"

int main(int argc, char** argv) {
  using namespace besom::stages;
  if (argc < 6) return 2;
  const int inputs = std::atoi(argv[1]), images = std::atoi(argv[4]);
  HeadSettings head;
  head.hidden = {std::atoi(argv[2])};
  TrainSettings train;
  train.batch_size = std::atoi(argv[3]);
  train.epochs = std::atoi(argv[5]);
  const HeadKernels* kernels = &BestHeadKernels();
  for (const HeadKernels* set : RunnableHeadKernels())
    if (argc > 6 && set->name == std::string(argv[6])) kernels = set;
  besom::KeyedRandom random(1, "bench");
  std::vector<float> data;
  std::vector<const float*> rows;
  FitData fit;
  fit.classes = {"a", "b", "c"};
  fit.dimension = inputs;
  for (int i = 0; i < images * inputs; ++i)
    data.push_back(static_cast<float>(std::max(0.0, random.Normal())));
  for (int i = 0; i < images; ++i) {
    rows.push_back(data.data() + static_cast<std::size_t>(i) * inputs);
    fit.train_labels.push_back(static_cast<int>(random.Below(3)));
  }
  fit.train_rows = [&](int) { return besom::Result(rows); };
  double best = 1e9;
  for (int run = 0; run < 5; ++run) {
    const std::clock_t start = std::clock();
    if (!FitHead(fit, {head, train, {}}, 1, {}, *kernels).ok()) return 1;
    best = std::min(best,
                    static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  const int steps =
      (images + train.batch_size - 1) / train.batch_size * train.epochs;
  std::printf("%.4f s a head, %.1f us a step (%s)\n", best, 1e6 * best / steps,
              kernels->name);
}
