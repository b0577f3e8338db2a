#include "cluster/back_off.h"

#include <algorithm>

namespace besom::cluster {

double BackOffSeconds(double waited) {
  constexpr double kSpin = 10e-6, kShortest = 20e-6, kLongest = 5e-3;
  return waited < kSpin ? 0 : std::clamp(waited / 8, kShortest, kLongest);
}

}  // namespace besom::cluster
