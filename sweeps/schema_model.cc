#include <optional>
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

std::vector<Key> TrainKeys() {
  return {
      {"train.epochs",
       {Integer(1, 100000)},
       25,
       "epochs",
       "Passes over the training images."},
      {"train.batch_size", {Integer(1, 65536)}, 8, "images", "Of one step."},
      {"train.optimizer",
       {Words({"adam", "adamw", "sgd", "rmsprop"})},
       "adam",
       "",
       "As PyTorch's, with its defaults but for momentum."},
      {"train.momentum", {NumberBelow(0, 1)}, 0.9, "", "Of sgd."},
      {"train.learning_rate", {NumberAbove(0)}, 1e-3, "", "Step size."},
      {"train.clip_norm",
       {Number(0)},
       0.0,
       "",
       "Gradients of a larger norm are scaled down to it, as PyTorch's "
       "clip_grad_norm_; 0 = none."},
      {"train.ema",
       {NumberBelow(0, 1)},
       0.0,
       "",
       "Decay of a moving average of the weights, which is validated and kept; "
       "0 = none."},
      {"train.mixup",
       {Number(0)},
       0.0,
       "",
       "Mixes images of a batch with shares of Beta(mixup, mixup), as what the "
       "frozen part makes of them; 0 = none."},
      {"train.loss",
       {Words({"cross_entropy", "focal"}), SectionForm()},
       "cross_entropy",
       "",
       "focal = cross entropy times (1 - p)^gamma."},
      {"train.loss.type",
       {Words({"cross_entropy", "focal"})},
       std::nullopt,
       "",
       "As `train.loss`."},
      {"train.loss.gamma", {Number(0)}, 2.0, "", "Of focal."},
      {"train.base_learning_rate",
       {NumberAbove(0)},
       1e-5,
       "",
       "Step size of an unfrozen base; the schedule changes it by the same "
       "factor."},
      {"train.freeze_epochs",
       {Integer(0)},
       0,
       "epochs",
       "Of an unfrozen base: so many in which the head is trained alone."},
      {"train.batch_norm",
       {Words({"frozen", "affine", "batch"})},
       "affine",
       "",
       "Of an unfrozen base: affine = running statistics fixed, scale and "
       "shift "
       "trained; frozen = nothing trained; batch = statistics of the batch."},
      {"train.weight_decay", {Number(0)}, 0.0, "", "As PyTorch's optimizer."},
      {"train.class_weights",
       {Words({"none", "balanced"}), TableOf({NumberAbove(0)})},
       "none",
       "",
       "balanced = n / (classes * n_class) over training images; or class -> "
       "weight (1 where not named)."},
      {"train.balance",
       {Words({"none", "undersample", "oversample"})},
       "none",
       "",
       "Of the classes, training images only."},
      {"train.label_smoothing",
       {NumberBelow(0, 1)},
       0.0,
       "",
       "As PyTorch's CrossEntropyLoss."},
      {"train.early_stopping.patience",
       {Integer(0)},
       0,
       "epochs",
       "Stop after so many epochs without a better one; 0 = never."},
      {"train.keep.epoch",
       {Words({"best", "last"})},
       "best",
       "",
       "Whose weights are kept; without validation the last."},
      {"train.keep.metric",
       {Words({"loss", "accuracy", "balanced_accuracy"})},
       "loss",
       "",
       "On validation, unweighted; the earliest on ties."},
      {"train.keep.goal",
       {Words({"minimize", "maximize"})},
       "minimize",
       "",
       "Which way is better."},
      {"train.seed", {Integer(0)}, 0, "", "Initial weights and dropout."},
      {"train.order",
       {Words({"shared", "own"})},
       "shared",
       "",
       "Order of batches: equal for all trials, or from `train.seed` too."},
  };
}

std::vector<Key> ScheduleKeys() {
  const Form kinds = Words(
      {"constant", "step", "cosine", "one_cycle", "inverse_time", "plateau"});
  return {
      {"train.schedule",
       {kinds, SectionForm()},
       "constant",
       "",
       "How the learning rate goes on: a word, or a map with `type` and "
       "parameters."},
      {"train.schedule.type",
       {kinds},
       std::nullopt,
       "",
       "As `train.schedule`."},
      {"train.schedule.step_size", {Integer(1)}, 10, "epochs", "Of step."},
      {"train.schedule.gamma", {NumberAbove(0)}, 0.1, "", "Of step: factor."},
      {"train.schedule.t_max",
       {Words({"auto"}), Integer(1)},
       "auto",
       "epochs",
       "Of cosine; auto = all after the warm-up."},
      {"train.schedule.eta_min", {Number(0)}, 0.0, "", "Of cosine."},
      {"train.schedule.max_lr",
       {Words({"auto"}), NumberAbove(0)},
       "auto",
       "",
       "Of one_cycle; auto = train.learning_rate."},
      {"train.schedule.pct_start",
       {NumberBelow(0, 1)},
       0.3,
       "share of all steps",
       "Of one_cycle: in which the rate rises."},
      {"train.schedule.div_factor", {Number(1)}, 25.0, "", "Of one_cycle."},
      {"train.schedule.final_div_factor",
       {Number(1)},
       1e4,
       "",
       "Of one_cycle."},
      {"train.schedule.anneal_strategy",
       {Words({"cos", "linear"})},
       "cos",
       "",
       "Of one_cycle."},
      {"train.schedule.decay",
       {Words({"auto"}), Number(0)},
       "auto",
       "a step",
       "Of inverse_time: rate / (1 + decay * step), as Keras's decay; auto = "
       "rate / epochs."},
      {"train.schedule.factor", {NumberBelow(0, 1)}, 0.1, "", "Of plateau."},
      {"train.schedule.patience", {Integer(0)}, 10, "epochs", "Of plateau."},
      {"train.schedule.threshold", {Number(0)}, 1e-4, "", "Of plateau."},
      {"train.schedule.threshold_mode",
       {Words({"rel", "abs"})},
       "rel",
       "",
       "Of plateau."},
      {"train.schedule.cooldown", {Integer(0)}, 0, "epochs", "Of plateau."},
      {"train.schedule.min_lr", {Number(0)}, 0.0, "", "Of plateau."},
      {"train.schedule.eps",
       {Number(0)},
       1e-8,
       "",
       "Of plateau: smaller changes are left out."},
      {"train.warmup",
       {Words({"none"}), SectionForm()},
       "none",
       "",
       "Before the schedule begins: the rate rises to its first one."},
      {"train.warmup.epochs", {Integer(0)}, 0, "epochs", "How long."},
      {"train.warmup.steps", {Integer(0)}, 0, "steps", "Instead of epochs."},
      {"train.warmup.start_factor",
       {Number(0)},
       0.01,
       "",
       "Share of that rate to begin with, at most 1."},
  };
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
  for (Key& key : ScheduleKeys()) keys.push_back(std::move(key));
  for (Key& key : EvaluateKeys()) keys.push_back(std::move(key));
  return keys;
}

}  // namespace besom::sweeps
