#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/audit/audit_images.h"
#include "stages/audit/probe_features.h"

namespace besom::stages {

/// Trains the heads of all probes, one per probe and fold, on the images that
/// are not in the fold, and returns for each probe what they say about the
/// images of their folds: [members x classes] probabilities.
///
/// A head is what the trials' heads are by default: a hidden layer of 64,
/// ReLU, dropout 0.5, Adam with a learning rate of 1e-3, class weights
/// `balanced`; batches of 16. It is trained for at least 1000 steps and 5
/// epochs, but no more than 100 epochs, and its last weights are taken: there
/// are no images to choose an epoch by. Columns are standardised by mean and
/// deviation of the training images, and cut off at 5 deviations; one that is
/// the same for all of these counts 0.
///
/// Draws are keyed by (seed, fold); the same bits for any number of threads.
/// `progress` gets the share of heads done, from any thread, and returns true
/// to stop: kInterrupted. REQUIRES: set.folds >= 2.
Result<std::vector<std::vector<double>>> OutOfFold(
    const AuditSet& set, const std::vector<ProbeFeatures>& probes,
    std::uint64_t seed, int threads,
    const std::function<bool(double)>& progress);

}  // namespace besom::stages
