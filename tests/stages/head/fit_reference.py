"""A fit of besom repeated in PyTorch: same weights, orders, masks.

Losses, norms and weights must stay within TOLERANCE of each other over all
steps, relative to the largest number of the tensor. Learning rates, moving
averages and the choice of the epoch are PyTorch's own here, too; what Keras
defines is worked out by its published formula. Mixing is repeated from its
draws.

PyTorch computes in float64, so that the figures printed are the same on every
machine. Rounding alone decides a step where what goes into a ReLU, or one of
Adam's first gradients, is 0 but for rounding: no case comes that close; `data`
draws other images for one that would.
"""

import copy
import json
import math
import subprocess

import numpy as np
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
BEST = {"epoch": "best", "metric": "loss", "goal": "minimize"}
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


def to_torch(layer):
    """A layer's weights [outputs, inputs] and bias as PyTorch has them."""
    weights = torch.tensor(layer["weights"]).reshape(layer["inputs"],
                                                     layer["padded"])
    outputs = layer["outputs"]
    assert not weights[:, outputs:].any(), "padding must stay 0"
    return (weights[:, :outputs].t().contiguous(),
            torch.tensor(layer["bias"])[:outputs].clone())


def images_of(dump):
    labels = torch.tensor(dump["labels"])
    return torch.tensor(dump["rows"]).reshape(len(labels), -1), labels


class Scaling(torch.nn.Module):
    """A base of one layer that counts its batches."""

    def __init__(self, inputs):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(inputs))
        self.register_buffer("batches", torch.zeros(1))

    def forward(self, values):
        if self.training:
            self.batches += 1
        return values * self.scale


class Head(torch.nn.Module):
    """A head, and under it a base that begins as `tensors` say."""

    def __init__(self, start, base, tensors):
        super().__init__()
        self.base = base
        state = base.state_dict()
        for tensor in tensors:
            state[tensor["name"]].copy_(
                torch.tensor(tensor["values"]).reshape(
                    state[tensor["name"]].shape))
        learned = {tensor["name"] for tensor in tensors if tensor["learned"]}
        self.learned = [parameter for name, parameter
                        in base.named_parameters() if name in learned]
        for parameter in base.parameters():
            parameter.requires_grad_(False)
        self.padded = [layer["padded"] for layer in start]
        self.layers = torch.nn.ModuleList()
        for layer in start:
            linear = torch.nn.Linear(layer["inputs"], layer["outputs"])
            weight, bias = to_torch(layer)
            linear.weight.data, linear.bias.data = weight, bias
            self.layers.append(linear)

    def forward(self, values, masks=()):
        values = self.base(values)
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
    if head.learned:
        parameters.append({"params": head.learned,
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

    def __init__(self, config, train, dump, base):
        self.train, self.dump, self.worst = train, dump, 0.0
        self.head = Head(dump["start"], base, dump.get("base", []))
        with torch.no_grad():
            check_start(config, self.head)
            check_masks(config, dump["steps"])
        self.images = images_of(dump["images"])
        self.validation = images_of(dump["validation"])
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
        self.worsen(abs(ours - theirs) / max(abs(theirs), least))

    def worsen(self, gap):
        assert math.isfinite(gap), "a figure that is no number"
        self.worst = max(self.worst, gap)

    def step(self, epoch, chosen, step):
        rows, labels = (part[chosen] for part in self.images)
        self.note(step["learning_rate"],
                  self.optimizer.param_groups[0]["lr"], least=1e-30)
        trains_base = epoch >= self.train["freeze_epochs"]
        self.head.base.train(trains_base)
        for parameter in self.head.learned:
            parameter.requires_grad_(trains_base)
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
            kept.base.eval()
            with torch.no_grad():
                loss = torch.nn.functional.cross_entropy(
                    kept(self.validation[0]), self.validation[1]).item()
            self.note(epoch["loss"], loss)
            self.rates.after_epoch(loss)
            if self.train["keep"]["epoch"] == "last" or loss < self.best[0]:
                self.best = (loss, number, copy.deepcopy(kept))
        assert next(steps, None) is None, "more steps than PyTorch takes"
        assert self.best[1] == self.dump["chosen_epoch"], "another epoch"
        self.compare(self.best[2])
        return self.worst

    def compare(self, best):
        """The weights to keep, and the running statistics of the base."""
        pairs = []
        for layer, linear in zip(self.dump["end"], best.layers):
            pairs += zip(to_torch(layer), (linear.weight, linear.bias))
        state = best.base.state_dict()
        pairs += [(torch.tensor(tensor["values"]),
                   state[tensor["name"]].flatten())
                  for tensor in self.dump.get("end_base", [])]
        for ours, theirs in pairs:
            largest = max(theirs.abs().max().item(), 1e-12)
            self.worsen((ours - theirs).abs().max().item() / largest)


def dump_of(program, config, train):
    output = subprocess.run([program], input=json.dumps(
        {**config, "train": train}), text=True, check=True,
        capture_output=True)
    return json.loads(output.stdout)


def gaps(program, cases, base_of):
    """Fits each case in both; yields it, its fit in PyTorch and the gap."""
    for case in cases:
        config = {**BASE, **{k: v for k, v in case.items() if k in BASE}}
        train = {**TRAIN, **{k: v for k, v in case.items() if k in TRAIN}}
        fit = Fit(config, train, dump_of(program, config, train),
                  base_of(config, train))
        worst = fit.run()
        print(f"{worst:.2e} {case}")
        yield case, fit, worst
