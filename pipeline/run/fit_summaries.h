#pragma once

#include "db/result_rows.h"

namespace besom::run {

/// The row that stands for all fits of a trial: mean, spread and interval
/// (stages/metric/fit_summary.h). Fits are tested on the same images in
/// external sets, and in a test set that a file or `use: test` gives or that
/// one split is drawn for; on images of their own in all others. Figures on
/// images trained on have no interval. Pure.
db::MetricRow SummarizeFits(const db::FiguresOfFits& figures,
                            const Json& config);

}  // namespace besom::run
