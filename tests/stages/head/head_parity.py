"""Repeats besom's fits of a head in PyTorch: same weights, orders, masks.

Losses, norms and weights must stay within 1e-5 of each other over all steps,
relative to the largest number of the tensor. Learning rates, moving averages
and the choice of the epoch are PyTorch's own here, too; what Keras defines is
worked out by its published formula. Mixing is repeated from its draws, whose
distribution is compared with scipy's.

PyTorch computes in float64, so that the figures printed are the same on every
machine. Rounding alone decides a step where what goes into a ReLU, or one of
Adam's first gradients, is 0 but for rounding: no case comes that close; `data`
draws other images for one that would.
"""

import json
import math
import subprocess
import sys

import numpy as np
import scipy.stats
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.optim import lr_scheduler, swa_utils

TOLERANCE = 1e-5
TRAIN = {"epochs": 8, "batch_size": 8, "optimizer": "adam",
         "learning_rate": 1e-3, "schedule": "constant", "weight_decay": 0.0,
         "momentum": 0.9, "class_weights": "none", "balance": "none",
         "label_smoothing": 0.0, "loss": "cross_entropy", "mixup": 0.0,
         "clip_norm": 0.0, "ema": 0.0, "warmup": "none",
         "early_stopping": {"patience": 0},
         "keep": {"epoch": "last", "metric": "loss", "goal": "minimize"},
         "seed": 0, "order": "shared", "base_learning_rate": 1e-4,
         "freeze_epochs": 0}
BASE = {"inputs": 96, "hidden": [20], "classes": 3, "images": 60,
        "validation": 30, "dropout": 0.0, "head_init": "torch", "shards": 1,
        "unfreeze": False, "data": 3}
WEIGHTS = {"0": 0.4, "2": 2.5}
BEST = {"epoch": "best", "metric": "loss", "goal": "minimize"}
CASES = [
    {},
    {"batch_size": 32, "hidden": [64], "dropout": 0.5},
    {"hidden": []},
    {"hidden": [33, 17], "dropout": 0.3},
    {"class_weights": WEIGHTS},
    {"class_weights": "balanced", "classes": 5},
    {"balance": "undersample"},
    {"balance": "oversample", "class_weights": "balanced"},
    {"label_smoothing": 0.1},
    {"class_weights": WEIGHTS, "label_smoothing": 0.2, "weight_decay": 0.01,
     "dropout": 0.5},
    {"weight_decay": 0.1},
    {"optimizer": "adamw", "weight_decay": 0.1},
    {"optimizer": "sgd", "learning_rate": 0.01, "weight_decay": 0.01},
    {"optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.0},
    {"optimizer": "rmsprop"},
    {"optimizer": "rmsprop", "weight_decay": 0.05, "hidden": [33, 17]},
    {"inputs": 1280, "hidden": [64], "batch_size": 16, "images": 200,
     "data": 4},
    {"head_init": "glorot", "batch_size": 1},
    {"batch_size": 7, "classes": 18},
    # Shards.
    {"batch_size": 7, "shards": 2},
    {"batch_size": 2, "shards": 3, "hidden": [33, 17]},
    {"batch_size": 9, "shards": 4, "hidden": [33, 17], "dropout": 0.3,
     "class_weights": WEIGHTS, "label_smoothing": 0.2, "optimizer": "adamw",
     "weight_decay": 0.1},
    {"inputs": 1280, "hidden": [300], "batch_size": 16, "shards": 2,
     "epochs": 5, "optimizer": "sgd"},
    # Schedules.
    {"schedule": "step", "epochs": 25},
    {"schedule": {"type": "step", "step_size": 2, "gamma": 0.3},
     "optimizer": "adamw", "weight_decay": 0.1},
    {"schedule": "cosine"},
    {"schedule": {"type": "cosine", "t_max": 3, "eta_min": 2e-4},
     "optimizer": "sgd"},
    {"schedule": "one_cycle", "optimizer": "sgd", "learning_rate": 0.05},
    {"schedule": {"type": "one_cycle", "max_lr": 0.02, "pct_start": 0.5,
                  "anneal_strategy": "linear", "div_factor": 5.0,
                  "final_div_factor": 50.0}, "optimizer": "rmsprop"},
    {"schedule": {"type": "one_cycle", "pct_start": 0.0}},
    {"schedule": {"type": "one_cycle", "pct_start": 1.0}},
    {"schedule": "inverse_time"},
    {"schedule": {"type": "inverse_time", "decay": 0.05}},
    {"schedule": {"type": "plateau", "patience": 1, "factor": 0.3,
                  "cooldown": 2, "min_lr": 1e-3}, "epochs": 30,
     "learning_rate": 0.02, "reductions": 2},
    {"schedule": {"type": "plateau", "patience": 0, "threshold": 0.02,
                  "threshold_mode": "abs"}, "epochs": 20, "shards": 2,
     "reductions": 2},
    # Warm-up, with any of them.
    {"warmup": {"epochs": 2}},
    {"warmup": {"steps": 11, "start_factor": 0.2}, "schedule": "cosine"},
    {"warmup": {"epochs": 3}, "schedule": "cosine", "optimizer": "sgd"},
    {"warmup": {"steps": 8, "start_factor": 0.0},
     "schedule": {"type": "step", "step_size": 3}},
    {"warmup": {"epochs": 1}, "schedule": "one_cycle", "data": 4},
    {"warmup": {"epochs": 1},
     "schedule": {"type": "inverse_time", "decay": 0.05}},
    {"warmup": {"epochs": 3}, "epochs": 15, "learning_rate": 0.02,
     "schedule": {"type": "plateau", "patience": 0}, "reductions": 1},
    # Losses, mixing.
    {"loss": "focal"},
    {"loss": {"type": "focal", "gamma": 0.5}, "class_weights": WEIGHTS},
    {"loss": {"type": "focal", "gamma": 0.0}, "label_smoothing": 0.1},
    {"mixup": 0.4},
    {"mixup": 0.4, "batch_size": 7, "shards": 3, "dropout": 0.3},
    {"mixup": 1.0, "loss": {"type": "focal", "gamma": 3.0},
     "class_weights": WEIGHTS, "label_smoothing": 0.1},
    {"balance": "oversample", "mixup": 0.2, "class_weights": WEIGHTS,
     "data": 4},
    # Clipping, moving averages.
    {"clip_norm": 0.5, "learning_rate": 0.02},
    {"clip_norm": 0.5, "optimizer": "sgd", "learning_rate": 0.05,
     "hidden": [33, 17], "weight_decay": 0.01},
    {"clip_norm": 0.5, "optimizer": "sgd", "learning_rate": 0.05,
     "hidden": [33, 17], "batch_size": 7, "shards": 3},
    {"clip_norm": 100.0},
    {"ema": 0.9},
    {"ema": 0.98, "learning_rate": 0.01, "keep": BEST, "epochs": 15},
    {"ema": 0.5, "batch_size": 7, "shards": 2, "optimizer": "rmsprop"},
    {"learning_rate": 0.01, "keep": BEST, "epochs": 15},
    # With a base: factors of the inputs, with a learning rate of their own.
    {"unfreeze": True, "schedule": "cosine"},
    {"unfreeze": True, "base_learning_rate": 0.01, "ema": 0.99},
    {"unfreeze": True, "optimizer": "adamw", "weight_decay": 0.1,
     "freeze_epochs": 2, "base_learning_rate": 2e-3, "head_init": "glorot"},
    {"unfreeze": True, "weight_decay": 0.05, "schedule": "one_cycle",
     "freeze_epochs": 1, "ema": 0.98, "keep": BEST},
    {"unfreeze": True, "optimizer": "rmsprop", "weight_decay": 0.05,
     "schedule": "inverse_time", "label_smoothing": 0.1},
    {"unfreeze": True, "warmup": {"steps": 11}, "class_weights": "balanced",
     "schedule": {"type": "step", "step_size": 2}, "dropout": 0.3},
    {"unfreeze": True, "schedule": {"type": "plateau", "patience": 1},
     "epochs": 30, "learning_rate": 0.02, "base_learning_rate": 1e-3,
     "loss": "focal", "reductions": 1},
    {"unfreeze": True, "clip_norm": 0.5, "ema": 0.9, "shards": 2,
     "batch_size": 7, "base_learning_rate": 2e-3},
    {"unfreeze": True, "clip_norm": 0.5, "ema": 0.9, "freeze_epochs": 3,
     "optimizer": "sgd", "learning_rate": 0.01, "warmup": {"epochs": 1}},
    {"unfreeze": True, "mixup": 0.4, "ema": 0.5, "optimizer": "rmsprop"},
    # All at once.
    {"optimizer": "adamw", "weight_decay": 0.05, "learning_rate": 0.01,
     "schedule": "cosine", "warmup": {"epochs": 1}, "loss": "focal",
     "class_weights": WEIGHTS, "label_smoothing": 0.1, "mixup": 0.3,
     "clip_norm": 0.3, "ema": 0.9, "dropout": 0.3, "keep": BEST},
]


def to_torch(layer):
    """A layer's weights [outputs, inputs] and bias as PyTorch has them."""
    weights = torch.tensor(layer["weights"]).reshape(layer["inputs"],
                                                     layer["padded"])
    outputs = layer["outputs"]
    assert not weights[:, outputs:].any(), "padding must stay 0"
    return (weights[:, :outputs].t().contiguous(),
            torch.tensor(layer["bias"])[:outputs].clone())


def images_of(dump, inputs):
    return (torch.tensor(dump["rows"]).reshape(-1, inputs),
            torch.tensor(dump["labels"]))


class Head(torch.nn.Module):
    def __init__(self, start, scale):
        super().__init__()
        self.scale = torch.nn.Parameter(
            torch.tensor(scale or [1.0] * start[0]["inputs"]),
            requires_grad=scale is not None)
        self.padded = [layer["padded"] for layer in start]
        self.layers = torch.nn.ModuleList()
        for layer in start:
            linear = torch.nn.Linear(layer["inputs"], layer["outputs"])
            weight, bias = to_torch(layer)
            linear.weight.data, linear.bias.data = weight, bias
            self.layers.append(linear)

    def forward(self, values, masks=()):
        values = values * self.scale
        for index, layer in enumerate(self.layers):
            values = layer(values)
            if index + 1 < len(self.layers):
                values = torch.relu(values)
                if masks:
                    mask = torch.tensor(masks[index])
                    mask = mask.reshape(-1, self.padded[index])
                    values = values * mask[:, :values.shape[1]]
        return values


def make_optimizer(train, head):
    parameters = [{"params": list(head.layers.parameters())}]
    if head.scale.requires_grad:
        parameters.append({"params": [head.scale],
                           "lr": train["base_learning_rate"]})
    rate, decay = train["learning_rate"], train["weight_decay"]
    if train["optimizer"] == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=train["momentum"],
                               weight_decay=decay)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
            "rmsprop": torch.optim.RMSprop}
    return kind[train["optimizer"]](parameters, rate, weight_decay=decay)


class Keras:
    """Keras's `decay` of optimizers before 2.11, stepped with each batch."""

    def __init__(self, optimizer, decay):
        self.optimizer, self.decay, self.iterations = optimizer, decay, 0
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]

    def step(self):
        self.iterations += 1
        factor = 1 / (1 + self.decay * self.iterations)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor


class Rates:
    """Warm-up, then the schedule, set in the optimizer as PyTorch does."""

    def __init__(self, train, optimizer, steps_per_epoch):
        named = train["schedule"]
        self.settings = {"type": named} if isinstance(named, str) else named
        self.train, self.optimizer = train, optimizer
        self.per_epoch = steps_per_epoch
        warmup = {} if train["warmup"] == "none" else train["warmup"]
        self.warmup = (warmup.get("steps", 0)
                       or warmup.get("epochs", 0) * steps_per_epoch)
        self.left = train["epochs"] * steps_per_epoch - self.warmup
        self.steps = self.plateaus = 0
        # Made at once: some change the optimizer's rate to their first one.
        self.scheduler = self.make()
        self.linear = None
        if self.warmup:
            for group in optimizer.param_groups:
                group["initial_lr"] = group["lr"]
            start = warmup.get("start_factor", 0.01)
            self.linear = (
                lr_scheduler.LinearLR(optimizer, start_factor=start,
                                      total_iters=self.warmup)
                if start else  # Which LinearLR refuses.
                lr_scheduler.LambdaLR(optimizer, lambda i: i / self.warmup))

    def make(self):
        kind = self.settings["type"]
        given = {k: v for k, v in self.settings.items() if k != "type"}
        rate = self.train["learning_rate"]
        if kind == "step":
            return lr_scheduler.StepLR(self.optimizer, **{
                "step_size": 10, "gamma": 0.1, **given})
        if kind == "cosine":
            return lr_scheduler.CosineAnnealingLR(
                self.optimizer,
                given.get("t_max", self.left / self.per_epoch),
                given.get("eta_min", 0.0))
        if kind == "one_cycle":
            top = given.pop("max_lr", rate)
            return lr_scheduler.OneCycleLR(
                self.optimizer, total_steps=self.left, cycle_momentum=False,
                max_lr=[group["lr"] * top / rate
                        for group in self.optimizer.param_groups], **given)
        if kind == "inverse_time":
            decay = given.get("decay", rate / self.train["epochs"])
            return Keras(self.optimizer, decay)
        if kind == "plateau":
            return lr_scheduler.ReduceLROnPlateau(self.optimizer, **given)
        return None

    def after_step(self):
        self.steps += 1
        if self.steps <= self.warmup:
            self.linear.step()
        elif self.settings["type"] in ("one_cycle", "inverse_time"):
            if self.steps < self.warmup + self.left:
                self.scheduler.step()
        elif self.settings["type"] in ("step", "cosine"):
            if (self.steps - self.warmup) % self.per_epoch == 0:
                self.scheduler.step()

    def after_epoch(self, loss):
        if self.settings["type"] != "plateau" or self.steps <= self.warmup:
            return
        before = self.optimizer.param_groups[0]["lr"]
        self.scheduler.step(loss)
        self.plateaus += self.optimizer.param_groups[0]["lr"] < before


def make_loss(train, classes, labels):
    weight = torch.ones(classes)
    if train["class_weights"] == "balanced":
        weight = torch.tensor(compute_class_weight(
            "balanced", classes=np.arange(classes), y=labels.numpy()))
    elif train["class_weights"] != "none":
        for name, value in train["class_weights"].items():
            weight[int(name)] = value
    smoothing = train["label_smoothing"]
    loss = train["loss"]
    if loss == "cross_entropy":
        return torch.nn.CrossEntropyLoss(weight=weight,
                                         label_smoothing=smoothing)
    gamma = 2.0 if loss == "focal" else loss["gamma"]

    def focal(logits, labels):
        log_p = torch.log_softmax(logits, 1)
        target = torch.nn.functional.one_hot(labels, classes)
        target = (1 - smoothing) * target + smoothing / classes
        parts = weight * target * (1 - log_p.exp()) ** gamma * log_p
        return -parts.sum() / weight[labels].sum()

    return focal


def check_start(config, head):
    """The initial weights have the bounds and spread of PyTorch or Keras."""
    for layer in head.layers:
        outputs, inputs = layer.weight.shape
        bound = (1 / math.sqrt(inputs) if config["head_init"] == "torch"
                 else math.sqrt(6 / (inputs + outputs)))
        assert layer.weight.abs().max() <= bound * 1.0001, "too wide"
        if layer.weight.numel() > 500:
            spread = layer.weight.std().item() / (bound / math.sqrt(3))
            assert 0.9 < spread < 1.1, f"initial weights: spread {spread}"
        assert bool(layer.bias.any()) == (config["head_init"] == "torch")


def check_masks(config, steps):
    if not config["dropout"]:
        return
    mask = torch.cat([torch.tensor(m) for s in steps for m in s["masks"]])
    dropped = (mask == 0).float().mean().item()
    assert abs(dropped - config["dropout"]) < 0.03, f"dropped {dropped}"
    kept = mask[mask != 0]
    assert torch.allclose(kept, torch.tensor(1 / (1 - config["dropout"])))


def check_order(balance, order, labels):
    """Whose images an epoch holds: each once; or of each class as many as the
    smallest has, none twice; or as many as the largest, spread evenly."""
    used = np.bincount(order, minlength=len(labels))
    counts = np.bincount(labels)
    assert balance == "none" or len(set(counts)) > 1, "nothing to balance"
    wanted = {"none": counts, "undersample": counts.min(),
              "oversample": counts.max()}[balance]
    assert (np.bincount(labels[order]) == wanted).all(), "classes of an epoch"
    for number in set(labels):
        spread = used[labels == number]
        assert spread.max() - spread.min() <= 1, "one image more than others"


class Fit:
    """One fit in PyTorch beside the dump of ours; `worst` is the gap."""

    def __init__(self, config, train, dump):
        self.train, self.dump, self.worst = train, dump, 0.0
        self.head = Head(dump["start"], dump.get("scale"))
        with torch.no_grad():
            check_start(config, self.head)
            check_masks(config, dump["steps"])
        self.images = images_of(dump["images"], config["inputs"])
        self.validation = images_of(dump["validation"], config["inputs"])
        self.optimizer = make_optimizer(train, self.head)
        per_epoch = -(-len(dump["epochs"][0]["order"]) // train["batch_size"])
        self.rates = Rates(train, self.optimizer, per_epoch)
        self.loss = make_loss(train, config["classes"], self.images[1])
        self.average = None
        if train["ema"]:
            self.average = swa_utils.AveragedModel(
                self.head,
                multi_avg_fn=swa_utils.get_ema_multi_avg_fn(train["ema"]))
        self.best = (math.inf, -1, None)

    def note(self, ours, theirs, least=0.1):
        """Notes a relative gap. Of a number below `least` an absolute one:
        where classes are far apart, a loss is a small difference of float32
        numbers around 1."""
        self.worst = max(self.worst,
                         abs(ours - theirs) / max(abs(theirs), least))

    def step(self, epoch, chosen, step):
        rows, labels = (part[chosen] for part in self.images)
        self.note(step["learning_rate"],
                  self.optimizer.param_groups[0]["lr"], least=1e-30)
        self.head.scale.requires_grad_(
            "scale" in self.dump and epoch >= self.train["freeze_epochs"])
        self.optimizer.zero_grad()
        if self.train["mixup"]:
            share, partners = step["share"], step["partners"]
            assert sorted(partners) == list(range(len(partners)))
            logits = self.head(share * rows + (1 - share) * rows[partners],
                               step["masks"])
            loss = (share * self.loss(logits, labels)
                    + (1 - share) * self.loss(logits, labels[partners]))
        else:
            loss = self.loss(self.head(rows, step["masks"]), labels)
        loss.backward()
        if self.train["clip_norm"]:
            norm = torch.nn.utils.clip_grad_norm_(self.head.parameters(),
                                                  self.train["clip_norm"])
            self.note(step["gradient_norm"], norm.item())
        self.optimizer.step()
        if self.average:
            self.average.update_parameters(self.head)
        self.rates.after_step()
        self.note(step["loss"], loss.item())

    def run(self):
        steps = iter(self.dump["steps"])
        kept = self.average.module if self.average else self.head
        for number, epoch in enumerate(self.dump["epochs"]):
            check_order(self.train["balance"], epoch["order"],
                        self.images[1].numpy())
            for chosen in torch.tensor(epoch["order"]).split(
                    self.train["batch_size"]):
                self.step(number, chosen, next(steps))
            with torch.no_grad():
                loss = torch.nn.functional.cross_entropy(
                    kept(self.validation[0]), self.validation[1]).item()
            self.note(epoch["loss"], loss)
            self.rates.after_epoch(loss)
            if self.train["keep"]["epoch"] == "last" or loss < self.best[0]:
                state = [(layer.weight, layer.bias) for layer in kept.layers]
                state.append((kept.scale,))
                self.best = (loss, number, [
                    [part.detach().clone() for part in parts]
                    for parts in state])
        assert next(steps, None) is None, "more steps than PyTorch takes"
        assert self.best[1] == self.dump["chosen_epoch"], "another epoch"
        end = [to_torch(layer) for layer in self.dump["end"]]
        if "scale" in self.dump:
            end.append((torch.tensor(self.dump["end_scale"]),))
        for ours_of, theirs_of in zip(end, self.best[2]):
            for ours, theirs in zip(ours_of, theirs_of):
                gap = (ours - theirs).abs().max()
                self.worst = max(self.worst,
                                 (gap / theirs.abs().max()).item())
        return self.worst


def dump_of(program, config, train):
    output = subprocess.run([program], input=json.dumps(
        {**config, "train": train}), text=True, check=True,
        capture_output=True)
    return json.loads(output.stdout)


def check_shares(program, alpha):
    """Shares of mixing are drawn from Beta(alpha, alpha)."""
    config = {**BASE, "inputs": 1, "hidden": [], "images": 100}
    train = {**TRAIN, "batch_size": 1, "epochs": 20, "mixup": alpha}
    steps = dump_of(program, config, train)["steps"]
    shares = [step["share"] for step in steps]
    p = scipy.stats.kstest(shares, scipy.stats.beta(alpha, alpha).cdf).pvalue
    print(f"p = {p:.3f} for shares from Beta({alpha}, {alpha})")
    return p > 0.001


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    program = sys.argv[1]
    failed = False
    for case in CASES:
        config = {**BASE, **{k: v for k, v in case.items() if k in BASE}}
        train = {**TRAIN, **{k: v for k, v in case.items() if k in TRAIN}}
        fit = Fit(config, train, dump_of(program, config, train))
        worst = fit.run()
        print(f"{worst:.2e} {case}")
        failed |= not worst < TOLERANCE
        # A case in which nothing happens would show nothing.
        failed |= fit.rates.plateaus < case.get("reductions", 0)
    for alpha in (0.2, 1.0, 3.0):
        failed |= not check_shares(program, alpha)
    if failed:
        sys.exit(f"a difference is above {TOLERANCE}")


main()
