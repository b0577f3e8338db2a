#include "pipeline/run/task_costs.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <thread>
#include <vector>

#include "stages/model/head/head_kernels.h"

namespace besom::run {
namespace {

/// Multiply-adds a second and core of the machine of TaskCosts.
constexpr double kReferenceSpeed = 8.5e10;

/// Multiply-adds a second of this thread, in products that stay in the cache.
double MeasureThread(double seconds) {
  using Clock = std::chrono::steady_clock;
  constexpr int kRows = 32, kInputs = 256, kColumns = 64;
  const std::vector<float> input(kInputs, 0.5F),
      weights(static_cast<std::size_t>(kInputs) * kColumns, 0.25F),
      bias(kColumns);
  std::array<const float*, kRows> rows;
  rows.fill(input.data());
  std::vector<float> out(static_cast<std::size_t>(kRows) * kColumns);
  const stages::HeadKernels& kernels = stages::BestHeadKernels();
  const auto start = Clock::now();
  double products = 0, spent = 0;
  while (spent < seconds) {
    for (int i = 0; i < 20; ++i)
      kernels.product(rows.data(), kRows, kInputs, weights.data(), bias.data(),
                      kColumns, out.data());
    products += 20;
    spent = std::chrono::duration<double>(Clock::now() - start).count();
  }
  return products * kRows * kInputs * kColumns / spent;
}

}  // namespace

double TaskCosts::Duplicates(double images) {
  // Preparing each, then the pairs: one operation each, and of chest X-rays
  // some 0.6 % to look at.
  return images * (2e-4 + images * 2e-7);
}

double TaskCosts::Pass(double multiply_adds, std::string_view numerics) {
  const bool openvino = numerics.find("openvino") != std::string_view::npos;
  return multiply_adds * (openvino ? 1.7e-11 : 2.7e-11);
}

double TaskCosts::HeadEpoch(double inputs, const Json& hidden, double classes,
                            double images, double batch) {
  double weights = 0;
  const auto add = [&](double outputs) {
    weights +=
        inputs * std::ceil(outputs / stages::kHeadTile) * stages::kHeadTile;
    inputs = outputs;
  };
  for (const Json& width : hidden) add(width.get<double>());
  add(classes);
  // Three products for each image, and the optimiser's pass for each batch.
  const double steps = std::ceil(images / batch);
  return weights * (4.5e-11 * images + 4.3e-10 * steps);
}

double TaskCosts::Audit(double images) {
  // Measured: heads of 1000 steps, and of more where 5 epochs are more.
  return 0.3 + 1.2e-3 * images;
}

double ShareTrained(const Json& split, const Json& rows) {
  if (rows.is_array() && !rows.empty()) {
    const auto trained = std::ranges::count_if(
        rows, [](const Json& row) { return row.at("split") == "train"; });
    return static_cast<double>(trained) / static_cast<double>(rows.size());
  }
  const double test = split.at("test"), validation = split.at("validation");
  // Each image that is not in a fixed test set is trained on in some fold.
  if (split.at("folds").get<int>() > 1) return 1 - test;
  return 1 - std::pow(test + validation, split.at("repeats").get<int>());
}

double RelativeSpeed(int cores) {
  constexpr double kSeconds = 0.03;
  std::vector<double> speeds(static_cast<std::size_t>(std::max(cores, 1)));
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < speeds.size(); ++i)
      threads.emplace_back(
          [&speeds, i] { speeds[i] = MeasureThread(kSeconds); });
    speeds[0] = MeasureThread(kSeconds);
  }
  double sum = 0;
  for (const double speed : speeds) sum += speed;
  return sum / static_cast<double>(speeds.size()) / kReferenceSpeed;
}

}  // namespace besom::run
