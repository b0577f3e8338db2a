#pragma once

namespace besom::cluster {

/// Seconds to sleep before the next look at something that cannot wake us,
/// after `waited` seconds of looking: none for the first 10 microseconds, then
/// an eighth of the time waited, so that news is noticed at most that much
/// late; between 20 microseconds and 5 ms, which keeps an idle thread below
/// 1 % of a core.
double BackOffSeconds(double waited);

}  // namespace besom::cluster
