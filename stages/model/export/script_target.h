#pragma once

#include <string>

#include "stages/model/export/graph_target.h"

namespace besom::stages {

/// Writes the network as the source of a TorchScript method
/// `forward(self, image)` that gives (logits, probabilities), both (images,
/// classes). `image`: (images, 3, side, side), RGB, 0 to 255, of any dtype.
class ScriptTarget final : public GraphTarget {
 public:
  Value Input(const Preprocessing& preprocessing) override;
  Value Run(const LayerCall& call) override;
  Result<Value> RunScript(const Value& input) override;
  Value Pool(Pooling pooling, const Value& map) override;
  Value Dense(const Value& rows, const std::string& weight,
              const std::string& bias, bool relu) override;
  Value LogOfMean(std::span<const Value> logits) override;
  void Finish(const Value& logits) override;

  /// Instead of Finish: gives (maps, logits), lists of as many as there are
  /// fits.
  void FinishWatched(std::span<const FitValues> fits);

  /// The whole method, after either.
  const std::string& source() const { return source_; }

 private:
  /// A line that names what `expression` gives.
  Value Let(const std::string& expression);

  std::string source_ = "def forward(self, image):\n";
  int values_ = 0;
};

}  // namespace besom::stages
