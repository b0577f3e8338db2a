#include <string>
#include <vector>

#include "sweeps/form.h"
#include "sweeps/schema.h"

namespace besom::sweeps {
namespace {

Form BackboneWords() {
  return Words({"vgg11",
                "vgg13",
                "vgg16",
                "vgg19",
                "vgg11_bn",
                "vgg13_bn",
                "vgg16_bn",
                "vgg19_bn",
                "resnet18",
                "resnet34",
                "resnet50",
                "resnet101",
                "densenet121",
                "mobilenet_v2",
                "mobilenet_v3_large",
                "efficientnet_lite0",
                "efficientnet_lite1",
                "efficientnet_lite2",
                "efficientnet_b0",
                "convnext_tiny",
                "vit_b_16"});
}

std::vector<Form> WeightsForms() {
  const std::vector<Form> one = {Words({"imagenet", "random"}),
                                 PathEnding(".safetensors"), DottedName()};
  std::vector<Form> forms = one;
  forms.push_back(TableOf(one));
  return forms;
}

std::vector<Key> PreprocessingKeys() {
  Form three = ListOf({Number()}, 3);
  three.most = 3;
  Form deviations = ListOf({NumberAbove(0)}, 3);
  deviations.most = 3;
  return {
      {"model.preprocessing",
       {Words({"weights", "unit"}), SectionForm()},
       "weights",
       "",
       "Pixels to input: what the weights want, x/255, or (x/255 * range - "
       "mean) / std."},
      {"model.preprocessing.mean",
       {three},
       Json::array({0.0, 0.0, 0.0}),
       "",
       "One number a channel, in `order`."},
      {"model.preprocessing.std",
       {deviations},
       Json::array({1.0, 1.0, 1.0}),
       "",
       "One number a channel, in `order`."},
      {"model.preprocessing.order",
       {Words({"rgb", "bgr"})},
       "rgb",
       "",
       "Order of the channels."},
      {"model.preprocessing.range",
       {NumberAbove(0)},
       1.0,
       "",
       "Largest pixel before the mean is taken off: 1 or 255."},
  };
}

std::vector<Key> OnlyModelKeys() {
  std::vector<Key> keys = {
      {"model.backbone",
       {BackboneWords(), SectionForm()},
       "efficientnet_lite0",
       "",
       "A name of `besom weights list`, or {torchscript: file.pt}."},
      {"model.backbone.torchscript",
       {PathEnding(".pt")},
       std::nullopt,
       "",
       "A frozen network of one's own, with its weights: a program, so only "
       "from people one trusts; wants ingest.image_size."},
      {"model.weights", WeightsForms(), "imagenet", "",
       "Pretrained weights: those of `besom weights list` by name, or a file; "
       "a map names them by backbone."},
  };
  for (Key& key : PreprocessingKeys()) keys.push_back(std::move(key));
  const std::vector<Key> more = {
      {"model.precision",
       {Words({"fp32", "bf16", "auto"})},
       "fp32",
       "",
       "Of the frozen base; bf16 (CPUs that multiply in it) is about twice as "
       "fast and moves probabilities by up to 0.4; auto = fp32. "
       "`resources.precision` is the same key."},
      {"model.cut",
       {Words({"full"}), Text()},
       "full",
       "",
       "Block after which the base is cut off; a sweep over cuts takes one "
       "pass."},
      {"model.unfreeze",
       {Words({"none", "all"}), Text()},
       "none",
       "",
       "First block of the base that is trained with the head; what is before "
       "it is computed once."},
      {"model.pooling",
       {Words({"average", "max", "average4", "flatten"})},
       "average",
       "",
       "Maps to features; average4 = windows 4x4, stride 4, flattened."},
      {"model.head",
       {ListOf({Integer(1, 65536)})},
       Json::array({64}),
       "hidden widths",
       "[] = a linear probe."},
      {"model.head_init",
       {Words({"torch", "glorot"})},
       "torch",
       "",
       "Initial weights of the head."},
      {"model.dropout",
       {NumberBelow(0, 1)},
       0.5,
       "probability",
       "After each hidden layer."},
  };
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

std::vector<Key> EvaluateKeys() {
  std::vector<Key> keys = {
      {"evaluate.positive",
       {Text()},
       "",
       "",
       "The class that is looked for; may be left empty."},
      {"evaluate.bootstrap",
       {Integer(0, 1e6)},
       1000,
       "samples",
       "For confidence intervals; 0 = none."},
      {"evaluate.predictions",
       {Words({"all", "held_out", "none"}, {"best"})},
       "held_out",
       "",
       "Rows that are kept; held_out = all but train."},
      {"evaluate.costs",
       {TableOf({TableOf({Number(0)})})},
       Json::object(),
       "",
       "Cost of a mistake: actual -> predicted -> cost; others 1; its mean is "
       "the metric expected_cost."},
      {"evaluate.threshold.target",
       {Text()},
       "",
       "",
       "METRIC/CLASS >= NUMBER that a threshold on the class's probability has "
       "to reach on validation (recall, specificity, precision, npv); figures "
       "under it carry rule = threshold. Several fits also choose one "
       "together, on the validation images of all."},
      {"evaluate.audit",
       {Boolean()},
       true,
       "",
       "Whether what lies outside of the lung (file facts, the image's border) "
       "tells the classes apart is found out once for the data set."},
      {"evaluate.external",
       {ListOf({SectionForm()})},
       Json::array(),
       "",
       "Held-out sets, each evaluated by itself under its name."},
  };
  for (Key& key : ExternalKeys()) keys.push_back(std::move(key));
  return keys;
}

}  // namespace

std::vector<Key> ModelKeys() {
  std::vector<Key> keys = OnlyModelKeys();
  for (Key& key : TrainKeys()) keys.push_back(std::move(key));
  for (Key& key : EvaluateKeys()) keys.push_back(std::move(key));
  return keys;
}

}  // namespace besom::sweeps
