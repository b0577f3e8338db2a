"""Repeats besom's head training in PyTorch: same weights, batches, masks.

Losses and weights must stay within 1e-5 of each other over all steps,
relative to the largest number of the tensor.
"""

import json
import math
import subprocess
import sys

import torch

TOLERANCE = 1e-5
BASE = {"inputs": 96, "hidden": [20], "classes": 3, "batch": 8, "steps": 60,
        "dropout": 0.0, "head_init": "torch", "optimizer": "adam",
        "learning_rate": 1e-3, "weight_decay": 0.0, "momentum": 0.9,
        "class_weights": [1.0, 1.0, 1.0], "label_smoothing": 0.0}
CASES = [
    {},
    {"batch": 32, "hidden": [64], "dropout": 0.5},
    {"hidden": []},
    {"hidden": [33, 17], "dropout": 0.3},
    {"class_weights": [0.4, 1.0, 2.5]},
    {"label_smoothing": 0.1},
    {"class_weights": [0.4, 1.0, 2.5], "label_smoothing": 0.2,
     "weight_decay": 0.01, "dropout": 0.5},
    {"weight_decay": 0.1},
    {"optimizer": "adamw", "weight_decay": 0.1},
    {"optimizer": "sgd", "learning_rate": 0.01, "weight_decay": 0.01},
    {"optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.0},
    {"inputs": 1280, "hidden": [64], "batch": 16, "steps": 100},
    {"head_init": "glorot", "batch": 1},
    {"batch": 7, "classes": 18, "class_weights": [1.0] * 18},
    {"batch": 7, "shards": 2},
    {"batch": 2, "shards": 3, "hidden": [33, 17]},
    {"batch": 9, "shards": 4, "hidden": [33, 17], "dropout": 0.3,
     "class_weights": [0.4, 1.0, 2.5], "label_smoothing": 0.2,
     "optimizer": "adamw", "weight_decay": 0.1},
    {"inputs": 1280, "hidden": [300], "batch": 16, "shards": 2, "steps": 20,
     "optimizer": "sgd"},
]


def to_torch(layer):
    """A layer's weights [outputs, inputs] and bias as PyTorch has them."""
    weights = torch.tensor(layer["weights"]).reshape(layer["inputs"],
                                                     layer["padded"])
    outputs = layer["outputs"]
    assert not weights[:, outputs:].any(), "padding must stay 0"
    return (weights[:, :outputs].t().contiguous(),
            torch.tensor(layer["bias"])[:outputs].clone())


def make_optimizer(config, parameters):
    decay = config["weight_decay"]
    if config["optimizer"] == "sgd":
        return torch.optim.SGD(parameters, config["learning_rate"],
                               momentum=config["momentum"],
                               weight_decay=decay)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kind[config["optimizer"]](parameters, config["learning_rate"],
                                     weight_decay=decay)


def forward(layers, step, padded):
    values = torch.tensor(step["data"]).reshape(len(step["labels"]), -1)
    for index, (weight, bias) in enumerate(layers):
        values = torch.nn.functional.linear(values, weight, bias)
        if index + 1 < len(layers):
            values = torch.relu(values)
            if step["masks"]:
                mask = torch.tensor(step["masks"][index])
                mask = mask.reshape(-1, padded[index])
                values = values * mask[:, :values.shape[1]]
    return values


def check_start(config, layers):
    """The initial weights have the bounds and spread of PyTorch or Keras."""
    for weight, bias in layers:
        outputs, inputs = weight.shape
        bound = (1 / math.sqrt(inputs) if config["head_init"] == "torch"
                 else math.sqrt(6 / (inputs + outputs)))
        assert weight.abs().max() <= bound * 1.0001, "initial weights too wide"
        if weight.numel() > 500:
            spread = weight.std().item() / (bound / math.sqrt(3))
            assert 0.9 < spread < 1.1, f"initial weights: spread {spread}"
        assert bool(bias.any()) == (config["head_init"] == "torch")


def check_masks(config, steps):
    if not config["dropout"]:
        return
    mask = torch.cat([torch.tensor(m) for s in steps for m in s["masks"]])
    dropped = (mask == 0).float().mean().item()
    assert abs(dropped - config["dropout"]) < 0.02, f"dropped {dropped}"
    kept = mask[mask != 0]
    assert torch.allclose(kept, torch.tensor(1 / (1 - config["dropout"])))


def compare(config, dump):
    layers = [tuple(t.requires_grad_() for t in to_torch(layer))
              for layer in dump["start"]]
    with torch.no_grad():
        check_start(config, layers)
        check_masks(config, dump["steps"])
    optimizer = make_optimizer(config, [t for pair in layers for t in pair])
    criterion = torch.nn.CrossEntropyLoss(
        weight=torch.tensor(config["class_weights"]),
        label_smoothing=config["label_smoothing"])
    padded = [layer["padded"] for layer in dump["start"]]
    worst = 0.0
    for step in dump["steps"]:
        optimizer.zero_grad()
        loss = criterion(forward(layers, step, padded),
                         torch.tensor(step["labels"]))
        loss.backward()
        optimizer.step()
        worst = max(worst, abs(loss.item() - step["loss"]) / abs(loss.item()))
    for pair, layer in zip(layers, dump["end"]):
        for ours, theirs in zip(to_torch(layer), pair):
            gap = (ours - theirs.detach()).abs().max()
            worst = max(worst, (gap / theirs.detach().abs().max()).item())
    return worst


def main():
    torch.set_num_threads(1)
    failed = False
    for case in CASES:
        config = {**BASE, **case}
        output = subprocess.run([sys.argv[1]], input=json.dumps(config),
                                text=True, check=True, capture_output=True)
        worst = compare(config, json.loads(output.stdout))
        print(f"{worst:.2e} {case}")
        failed |= not worst < TOLERANCE
    if failed:
        sys.exit(f"a difference is above {TOLERANCE}")


main()
