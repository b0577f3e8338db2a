// The fit of parity_fit.h that the JSON object on stdin says, to stdout. With
// unfreeze, which is added to its keys, a factor for each input is trained,
// too.
#include <cstdio>
#include <iostream>
#include <memory>

#include "tests/stages/head/parity_fit.h"
#include "tests/stages/head/scaling_base.h"

int main() {
  const besom::Json config = besom::Json::parse(std::cin);
  std::unique_ptr<besom::stages::TrainedBase> base;
  if (config.at("unfreeze").get<bool>())
    base = std::make_unique<besom::stages::ScalingBase>(
        config.at("inputs").get<int>());
  const besom::Json fit = besom::stages::FitForParity(config, std::move(base));
  std::puts(besom::CanonicalText(fit).c_str());
}
