// A step of a base that is trained as a whole, for comparisons with other
// software.
//
// usage: trained_step BACKBONE WEIGHTS IN OUT
//
// IN is a .safetensors file of images (F32: N, 3, side, side; as the network
// reads them) by names MODE.SIDE, MODE a mode of batch norms, and of
// by.MODE.SIDE (F32: N, features), the gradient by the mean of the last map.
// OUT gets MODE.SIDE/evaluated and MODE.SIDE/features, those in evaluation and
// in the step, MODE.SIDE/TENSOR for each learned tensor's gradient, and the
// running statistics under their names after the step.
#include <fmt/format.h>

#include <list>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "stages/model/safetensors.h"
#include "stages/model/trained_base.h"

namespace besom::stages {
namespace {

/// Owns what FloatTensors borrow.
struct Numbers {
  std::list<std::vector<float>> kept;
  std::vector<FloatTensor> tensors;

  void Keep(const std::string& name, const std::vector<std::int64_t>& shape,
            std::vector<float> values) {
    kept.push_back(std::move(values));
    tensors.push_back({name, shape, kept.back()});
  }
};

Status Step(const TrainedBaseSpec& spec, const Safetensors& file,
            const TensorEntry& entry, Numbers& numbers) {
  BESOM_ASSIGN_OR_RETURN(const auto base, MakeTrainedBase(spec));
  const auto count = static_cast<std::size_t>(entry.shape[0]);
  const std::vector<std::int64_t> rows = {entry.shape[0], base->dimension()};
  BESOM_ASSIGN_OR_RETURN(const auto images,
                         file.Floats(entry.name, entry.shape));
  BESOM_ASSIGN_OR_RETURN(const auto by, file.Floats("by." + entry.name, rows));
  std::vector<const float*> maps;
  for (std::size_t i = 0; i < count; ++i)
    maps.push_back(images.data() +
                   i * static_cast<std::size_t>(base->map_numbers()));
  std::vector<float> features(by.size()), gradients(base->learned_numbers());
  BESOM_RETURN_IF_ERROR(base->Evaluate(maps, features));
  numbers.Keep(entry.name + "/evaluated", rows, features);
  BESOM_RETURN_IF_ERROR(base->Forward(0, maps, features));
  BESOM_RETURN_IF_ERROR(base->Backward(0, by, gradients));
  numbers.Keep(entry.name + "/features", rows, features);
  auto next = gradients.begin();
  for (const BaseTensor& tensor : base->tensors()) {
    std::vector<float> values(tensor.values.begin(), tensor.values.end());
    if (tensor.learned) {
      std::copy_n(next, values.size(), values.begin());
      next += static_cast<std::ptrdiff_t>(values.size());
    }
    numbers.Keep(entry.name + "/" + tensor.parameter.name,
                 tensor.parameter.shape, std::move(values));
  }
  return Status::Ok();
}

Status Run(const std::vector<std::string>& args) {
  BESOM_ASSIGN_OR_RETURN(const auto file, Safetensors::OpenFile(args[2]));
  Numbers numbers;
  for (const TensorEntry& entry : file.tensors()) {
    if (entry.name.starts_with("by.")) continue;
    TrainedBaseSpec spec{.backbone = args[0],
                         .weights = args[1],
                         .unfreeze = "all",
                         .size = static_cast<int>(entry.shape[3]),
                         .threads = 2};
    BESOM_ASSIGN_OR_RETURN(
        spec.batch_norm,
        ParseBatchNormMode(entry.name.substr(0, entry.name.find('.'))));
    BESOM_RETURN_IF_ERROR(Step(spec, file, entry, numbers));
  }
  return WriteFileAtomic(args[3], PackSafetensors(numbers.tensors, {}));
}

}  // namespace
}  // namespace besom::stages

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() != 4) {
    fmt::print(stderr, "usage: trained_step BACKBONE WEIGHTS IN OUT\n");
    return 2;
  }
  const besom::Status status = besom::stages::Run(args);
  if (!status.ok()) fmt::print(stderr, "{}\n", status.ToString());
  return besom::ExitCodeOf(status);
}
