#include <string>
#include <vector>

#include "sweeps/form.h"
#include "sweeps/schema.h"

namespace besom::sweeps {
namespace {

/// A key of one type of schedule.
Key ScheduleKey(const char* type, const char* name, std::vector<Form> forms,
                Json fallback, const char* unit, const char* doc) {
  return {std::string("train.schedule.") + name,
          std::move(forms),
          std::move(fallback),
          unit,
          doc,
          {type}};
}

std::vector<Key> ScheduleKeys() {
  const Form types = Words(
      {"constant", "step", "cosine", "one_cycle", "inverse_time", "plateau"});
  return {
      {"train.schedule",
       {types, SectionForm()},
       "constant",
       "",
       "Of the learning rate, as torch.optim.lr_scheduler (inverse_time: "
       "Keras's decay), after the warm-up; a type, or a map of type and its "
       "parameters."},
      {"train.schedule.type", {types}, {}, "", "Which schedule."},
      ScheduleKey("step", "step_size", {Integer(1)}, 10, "epochs",
                  "Between two steps."),
      ScheduleKey("step", "gamma", {NumberAboveTo(0, 1)}, 0.1, "",
                  "Factor of a step."),
      ScheduleKey("cosine", "t_max", {Words({"auto"}), Integer(1)}, "auto",
                  "epochs", "Half a period; auto = up to the last epoch."),
      ScheduleKey("cosine", "eta_min", {Number(0)}, 0.0, "",
                  "Lowest learning rate."),
      ScheduleKey("one_cycle", "max_lr", {Words({"auto"}), NumberAbove(0)},
                  "auto", "", "Highest; auto = train.learning_rate."),
      ScheduleKey("one_cycle", "pct_start", {Number(0, 1)}, 0.3, "share",
                  "Of the steps, in which it rises; momentum is not cycled."),
      ScheduleKey("one_cycle", "anneal_strategy", {Words({"cos", "linear"})},
                  "cos", "", "How it rises and falls."),
      ScheduleKey("one_cycle", "div_factor", {NumberAbove(0)}, 25.0, "",
                  "It begins with max_lr / div_factor."),
      ScheduleKey("one_cycle", "final_div_factor", {NumberAbove(0)}, 1e4, "",
                  "It ends with the first one / final_div_factor."),
      ScheduleKey("inverse_time", "decay", {Words({"auto"}), Number(0)}, "auto",
                  "per step",
                  "learning_rate / (1 + decay * step); auto = learning_rate / "
                  "epochs."),
      ScheduleKey("plateau", "factor", {NumberBetween(0, 1)}, 0.1, "",
                  "Of a reduction."),
      ScheduleKey("plateau", "patience", {Integer(0)}, 10, "epochs",
                  "So many without a lower validation loss are borne."),
      ScheduleKey("plateau", "threshold", {Number(0)}, 1e-4, "",
                  "By how much a loss must be lower."),
      ScheduleKey("plateau", "threshold_mode", {Words({"rel", "abs"})}, "rel",
                  "", "rel = a share of the lowest loss."),
      ScheduleKey("plateau", "cooldown", {Integer(0)}, 0, "epochs",
                  "After a reduction, that do not count."),
      ScheduleKey("plateau", "min_lr", {Number(0)}, 0.0, "",
                  "Lowest learning rate."),
      ScheduleKey("plateau", "eps", {Number(0)}, 1e-8, "",
                  "A smaller reduction is left out."),
  };
}

std::vector<Key> RateKeys() {
  std::vector<Key> keys = {
      {"train.optimizer",
       {Words({"adam", "adamw", "sgd", "rmsprop"})},
       "adam",
       "",
       "As PyTorch's, with its defaults; rmsprop without momentum."},
      {"train.momentum", {NumberBelow(0, 1)}, 0.9, "", "Of sgd alone."},
      {"train.learning_rate", {NumberAbove(0)}, 1e-3, "", "Step size."},
  };
  for (Key& key : ScheduleKeys()) keys.push_back(std::move(key));
  const std::vector<Key> more = {
      {"train.warmup",
       {Words({"none"}), SectionForm()},
       "none",
       "",
       "The learning rate first rises in equal steps; the schedule begins "
       "after "
       "that. A map of epochs or steps, and start_factor."},
      {"train.warmup.epochs", {Integer(0)}, 0, "epochs", "How long."},
      {"train.warmup.steps", {Integer(0)}, 0, "steps", "Instead of epochs."},
      {"train.warmup.start_factor",
       {Number(0, 1)},
       0.01,
       "",
       "Share of the schedule's first learning rate that it begins with."},
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
       "shift trained; frozen = nothing trained; batch = statistics of the "
       "batch."},
      {"train.weight_decay", {Number(0)}, 0.0, "", "As PyTorch's optimizer."},
      {"train.clip_norm",
       {Number(0)},
       0.0,
       "",
       "Largest norm of the gradient of all weights together, as PyTorch's "
       "clip_grad_norm_; 0 = any."},
      {"train.ema",
       {NumberBelow(0, 1)},
       0.0,
       "decay",
       "Moving average of the weights, by steps, which is then what is "
       "validated and kept, as PyTorch's swa_utils; 0 = off."},
  };
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

std::vector<Key> LossKeys() {
  const Form types = Words({"cross_entropy", "focal"});
  return {
      {"train.loss",
       {types, SectionForm()},
       "cross_entropy",
       "",
       "Of training (validation takes cross_entropy); focal = that of Lin and "
       "others 2017, with class_weights as alpha."},
      {"train.loss.type", {types}, {}, "", "Which loss."},
      {"train.loss.gamma",
       {Number(0)},
       2.0,
       "",
       "How much less sure images count; 0 = cross_entropy.",
       {"focal"}},
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
       "Images of an epoch: of each class as many as of the smallest, or of "
       "the largest; training images only."},
      {"train.label_smoothing",
       {NumberBelow(0, 1)},
       0.0,
       "",
       "As PyTorch's CrossEntropyLoss."},
      {"train.mixup",
       {Number(0)},
       0.0,
       "alpha",
       "Each batch is mixed with itself in another order, its features (not "
       "its pixels) by a share from Beta(alpha, alpha); 0 = off."},
  };
}

std::vector<Key> FitKeys() {
  return {
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
       "Which way is better: minimize for loss, maximize else."},
      {"train.seed", {Integer(0)}, 0, "", "Initial weights, dropout, mixing."},
      {"train.order",
       {Words({"shared", "own"})},
       "shared",
       "",
       "Order of batches: equal for all trials, or from `train.seed` too."},
  };
}

}  // namespace

std::vector<Key> TrainKeys() {
  std::vector<Key> keys = {
      {"train.epochs",
       {Integer(1, 100000)},
       25,
       "epochs",
       "Passes over the training images."},
      {"train.batch_size", {Integer(1, 65536)}, 8, "images", "Of one step."},
  };
  for (auto part : {RateKeys, LossKeys, FitKeys})
    for (Key& key : part()) keys.push_back(std::move(key));
  return keys;
}

}  // namespace besom::sweeps
