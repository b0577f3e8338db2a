// Trains heads on given features together, and each alone, as the JSON object
// on stdin says, and prints one: what tests/bench/heads sets beside PyTorch.
// In: {features: FILE.safetensors, batch, epochs, threads, order, heads:
//  [[width, dropout, seed], ...]}; `order` seeds that of the batches. The file
//  holds train [views, images, inputs], test [images, inputs], train_labels,
//  test_labels; three classes.
// Out: {seconds, alone_seconds, accuracies}. Fails when a head alone is another
// one than together.
#include <chrono>
#include <cstdio>
#include <iostream>

#include "stages/metric/metrics.h"
#include "stages/model/head/fused_fit.h"
#include "stages/model/safetensors.h"

namespace {

using besom::Json;
using besom::Result;
using namespace besom::stages;

std::vector<float> Floats(const Safetensors& file, const char* name) {
  return file.Floats(name, file.Find(name)->shape).value();
}

std::vector<int> Labels(const Safetensors& file, const char* name) {
  const std::vector<float> labels = Floats(file, name);
  return {labels.begin(), labels.end()};
}

std::vector<const float*> Rows(const float* first, std::size_t count,
                               int inputs) {
  std::vector<const float*> rows;
  for (std::size_t i = 0; i < count; ++i)
    rows.push_back(first + i * static_cast<std::size_t>(inputs));
  return rows;
}

std::vector<HeadToFit> HeadsOf(const Json& request) {
  std::vector<HeadToFit> heads;
  for (const Json& wanted : request.at("heads")) {
    HeadToFit& fit = heads.emplace_back();
    fit.head.hidden = {wanted.at(0).get<int>()};
    wanted.at(1).get_to(fit.head.dropout);
    request.at("epochs").get_to(fit.train.epochs);
    request.at("batch").get_to(fit.train.batch_size);
    wanted.at(2).get_to(fit.train.seed);
    fit.key.train_seed = fit.train.seed;
  }
  return heads;
}

double Accuracy(const HeadWeights& weights,
                const std::vector<const float*>& rows,
                const std::vector<int>& labels) {
  const std::vector<float> logits =
      HeadLogits(weights, rows, BestHeadKernels());
  int right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i)
    right +=
        ArgMax(LogSoftmax(std::span(logits).subspan(3 * i, 3))) == labels[i];
  return right / static_cast<double>(labels.size());
}

class Watch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

int Run(const Json& request) {
  const Safetensors file =
      Safetensors::OpenFile(request.at("features").get<std::string>()).value();
  const std::vector<std::int64_t> shape = file.Find("train")->shape;
  const std::vector<float> train = Floats(file, "train");
  const std::vector<float> test = Floats(file, "test");
  const std::vector<int> test_labels = Labels(file, "test_labels");
  FitData data;
  data.classes = {"a", "b", "c"};
  data.dimension = static_cast<int>(shape[2]);
  data.train_labels = Labels(file, "train_labels");
  data.train_rows = [&](int epoch) {
    const auto images = static_cast<std::size_t>(shape[1]);
    const auto view = static_cast<std::size_t>(epoch % shape[0]);
    return Result(
        Rows(train.data() + view * images * static_cast<std::size_t>(shape[2]),
             images, data.dimension));
  };
  const auto test_rows = Rows(test.data(), test_labels.size(), data.dimension);
  const std::vector<HeadToFit> heads = HeadsOf(request);
  const auto fit = [&](std::span<const HeadToFit> some, int threads) {
    return FitHeads(data, some, request.at("order"), {}, threads).value();
  };
  const Watch alone_watch;
  std::vector<HeadWeights> alone;
  for (const HeadToFit& head : heads)
    alone.push_back(fit({&head, 1}, 1).front()->weights.head);
  const double alone_seconds = alone_watch.seconds();
  const Watch watch;
  const auto fits = fit(heads, request.at("threads"));
  Json accuracies = Json::array();
  for (const auto& result : fits)
    accuracies.push_back(
        Accuracy(result->weights.head, test_rows, test_labels));
  const double seconds = watch.seconds();
  for (std::size_t i = 0; i < heads.size(); ++i)
    if (fits[i]->weights.head != alone[i]) return 1;
  const Json out{{"seconds", seconds},
                 {"alone_seconds", alone_seconds},
                 {"accuracies", accuracies}};
  std::puts(besom::CanonicalText(out).c_str());
  return 0;
}

}  // namespace

int main() { return Run(Json::parse(std::cin)); }
