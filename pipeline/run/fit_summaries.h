#pragma once

#include <memory>

#include "db/fit_summarizer.h"
#include "db/results_store.h"

namespace besom::run {

/// The row that stands for all fits of a trial: mean, spread and interval
/// (stages/metric/fit_summary.h). Fits are tested on the same images in
/// external sets, and in a test set that a file or `use: test` gives or that
/// one split is drawn for; on images of their own in all others. Figures on
/// images trained on have no interval. Pure.
db::MetricRow SummarizeFits(const db::FiguresOfFits& figures,
                            const Json& config);

/// The threshold that a trial's fits choose together: the one that meets
/// `evaluate.threshold` on all of their validation images at once
/// (stages/metric/decision.h), each judged by a fit that was not trained on it.
/// No value where none does, or where no predictions are kept. Pure. REQUIRES:
/// `config` asks for a threshold.
db::ThresholdRow PoolThreshold(const db::PooledPredictions& pool,
                               const Json& config);

/// Opens a database whose fits become one in these ways.
Result<std::unique_ptr<db::ResultsStore>> OpenResults(const Path& database);

}  // namespace besom::run
