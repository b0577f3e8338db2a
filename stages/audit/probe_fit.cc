#include "stages/audit/probe_fit.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "pipeline/base/worker_threads.h"
#include "stages/metric/metrics.h"
#include "stages/model/head/fused_fit.h"

namespace besom::stages {
namespace {

constexpr int kBatch = 16;
constexpr double kSteps = 1000;
constexpr double kLeastEpochs = 5, kMostEpochs = 100;
constexpr double kMostDeviations = 5;

/// Which images a head is trained on, and which it is asked about.
struct FoldImages {
  std::vector<std::size_t> seen, unseen;
};

FoldImages ImagesOf(const AuditSet& set, int fold) {
  FoldImages images;
  for (std::size_t i = 0; i < set.members.size(); ++i)
    (set.members[i].fold == fold ? images.unseen : images.seen).push_back(i);
  return images;
}

/// The features of all images, standardised by those of `seen`.
std::vector<float> Standardised(const ProbeFeatures& probe,
                                const std::vector<std::size_t>& seen) {
  const auto columns = static_cast<std::size_t>(probe.columns);
  std::vector<double> sum(columns), squares(columns);
  const auto count = static_cast<double>(seen.size());
  for (const std::size_t image : seen)
    for (std::size_t c = 0; c < columns; ++c) sum[c] += probe.row(image)[c];
  for (double& mean : sum) mean /= count;
  for (const std::size_t image : seen)
    for (std::size_t c = 0; c < columns; ++c) {
      const double distance = probe.row(image)[c] - sum[c];
      squares[c] += distance * distance;
    }
  std::vector<float> values(probe.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = i % columns;
    const double deviation = std::sqrt(squares[c] / count);
    // Rounding leaves a constant column a deviation of about 1e-8.
    if (deviation < 1e-6) continue;
    values[i] =
        static_cast<float>(std::clamp((probe.values[i] - sum[c]) / deviation,
                                      -kMostDeviations, kMostDeviations));
  }
  return values;
}

HeadToFit HeadFor(std::size_t images, int fold) {
  HeadToFit head;
  const double steps = std::ceil(static_cast<double>(images) / kBatch);
  head.train.epochs = static_cast<int>(
      std::clamp(std::ceil(kSteps / steps), kLeastEpochs, kMostEpochs));
  head.train.batch_size = kBatch;
  head.train.class_weights = "balanced";
  head.train.keep_best = false;
  head.key.fold = fold;
  return head;
}

/// Trains one head and asks it: [unseen x classes] probabilities.
Result<std::vector<double>> FitFold(const AuditSet& set,
                                    const ProbeFeatures& probe, int fold,
                                    std::uint64_t seed) {
  const FoldImages images = ImagesOf(set, fold);
  const std::vector<float> values = Standardised(probe, images.seen);
  const auto row = [&](std::size_t image) {
    return &values[image * static_cast<std::size_t>(probe.columns)];
  };
  std::vector<const float*> seen, unseen;
  FitData data;
  data.classes = set.classes;
  data.dimension = probe.columns;
  for (const std::size_t image : images.seen) {
    seen.push_back(row(image));
    data.train_labels.push_back(set.members[image].label);
  }
  for (const std::size_t image : images.unseen) unseen.push_back(row(image));
  data.train_rows = [&seen](int) { return seen; };
  const HeadToFit head = HeadFor(seen.size(), fold);
  BESOM_ASSIGN_OR_RETURN(const auto fits,
                         FitHeads(data, std::span(&head, 1), seed, {}));
  if (!fits[0].ok()) return fits[0].status();
  const std::vector<float> logits =
      HeadLogits(fits[0]->weights.head, unseen, BestHeadKernels());
  std::vector<double> probabilities;
  const std::size_t classes = set.classes.size();
  for (std::size_t i = 0; i < unseen.size(); ++i)
    for (const double log :
         LogSoftmax(std::span(logits).subspan(i * classes, classes)))
      probabilities.push_back(std::exp(log));
  return probabilities;
}

}  // namespace

Result<std::vector<std::vector<double>>> OutOfFold(
    const AuditSet& set, const std::vector<ProbeFeatures>& probes,
    std::uint64_t seed, int threads,
    const std::function<bool(double)>& progress) {
  const auto folds = static_cast<std::size_t>(set.folds);
  std::vector<Result<std::vector<double>>> answers(probes.size() * folds,
                                                   std::vector<double>());
  std::atomic<std::size_t> done = 0;
  std::atomic<bool> stop = false;
  RunInThreads(threads, answers.size(), [&](std::size_t i) {
    if (stop) return;
    answers[i] =
        FitFold(set, probes[i / folds], static_cast<int>(i % folds), seed);
    const double share =
        static_cast<double>(++done) / static_cast<double>(answers.size());
    if (progress && progress(share)) stop = true;
  });
  if (stop) return Status(StatusCode::kInterrupted, "audit", "asked to stop");
  const std::size_t classes = set.classes.size();
  std::vector<std::vector<double>> probabilities(
      probes.size(), std::vector<double>(set.members.size() * classes));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i].ok()) return answers[i].status();
    const FoldImages images = ImagesOf(set, static_cast<int>(i % folds));
    for (std::size_t j = 0; j < images.unseen.size(); ++j)
      std::copy_n(
          answers[i]->begin() + static_cast<std::ptrdiff_t>(j * classes),
          classes,
          probabilities[i / folds].begin() +
              static_cast<std::ptrdiff_t>(images.unseen[j] * classes));
  }
  return probabilities;
}

}  // namespace besom::stages
