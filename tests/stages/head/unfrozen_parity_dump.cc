// The fit of parity_fit.h that the JSON object on stdin says, to stdout, with a
// part of a backbone of random weights. Its keys are those, and backbone, size
// and unfreeze.
#include <cstdio>
#include <iostream>

#include "pipeline/base/random.h"
#include "stages/model/head/head_settings.h"
#include "tests/stages/head/parity_fit.h"

int main() {
  using besom::stages::TrainSettings;
  const besom::Json config = besom::Json::parse(std::cin);
  auto base = besom::stages::MakeTrainedBase(
      {.backbone = config.at("backbone"),
       .unfreeze = config.at("unfreeze"),
       .batch_norm =
           TrainSettings::FromJson(config.at("train")).value().batch_norm,
       .size = config.at("size")});
  if (!base.ok()) {
    std::cerr << base.status().ToString() << "\n";
    return 1;
  }
  // New batch norms are 0 or 1, and some remain so but for rounding, with which
  // nothing can be compared.
  besom::KeyedRandom random(1, "norms");
  for (const besom::stages::BaseTensor& tensor : (*base)->tensors())
    if (tensor.parameter.shape.size() == 1)
      for (float& value : tensor.values)
        value += static_cast<float>(random.Uniform(0.0, 0.5));
  const besom::Json fit = besom::stages::FitForParity(config, *std::move(base));
  std::puts(besom::CanonicalText(fit).c_str());
}
