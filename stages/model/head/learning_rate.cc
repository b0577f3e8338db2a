#include "stages/model/head/learning_rate.h"

namespace besom::stages {

double LearningRate::At(int /*epoch*/, int /*step*/) const {
  return settings_.learning_rate;
}

}  // namespace besom::stages
