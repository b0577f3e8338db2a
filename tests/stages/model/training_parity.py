"""Holds the trained base to torchvision's and timm's models, without dropout
and stochastic depth: features in evaluation, and features, gradients of every
tensor and running statistics of a step, with random weights, batch norms with
the running statistics and with those of the batch.

usage: training_parity.py BACKBONE_FACTS TRAINED_STEP

Limits in float32, per tensor, max |a - b| / max |b|: features and statistics
1e-4, gradients 1e-3. The reference computes on one thread, channels last and
as many images at a time as ours does: a ReLU whose input rounds to the other
side of zero would change gradients by more.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import reference_models
import torch
from safetensors.torch import load_file, save_file

# Modes of batch norms, sides of the images; odd ones pad differently.
STEPS = (("affine", 75), ("batch", 96))
# More than those of a micro-shard, whose gradients are added.
IMAGES = 5
MICRO_SHARD = 4
failures = []


def check(what, good, detail=""):
    if not good:
        print("FAIL", what, detail)
        failures.append(what)


def features_of(name, model, images):
    *_, last = reference_models.block_maps(name, model, images).values()
    return last.mean((2, 3))


def reference_step(name, model, mode, images, by_features):
    """Features, gradients and statistics, by name."""
    evaluated = features_of(name, model.eval(), images).detach()
    model.train(mode == "batch")
    model.zero_grad()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    features = []
    shard = IMAGES if mode == "batch" else MICRO_SHARD
    for part, by in zip(images.split(shard), by_features.split(shard)):
        features.append(features_of(name, model, part))
        (features[-1] * by).sum().backward()
    base = reference_models.base_parameters(name, model)
    numbers = {key: tensor.clone() for key, tensor in base.items()}
    numbers.update((key, parameter.grad.clone()) for key, parameter
                   in model.named_parameters() if key in base)
    model.load_state_dict(before)
    return {"evaluated": evaluated, "features": torch.cat(features).detach(),
            **numbers}


def scale_of(key, reference):
    """What errors are measured by. The gradient of a bias before a norm is 0,
    but for rounding: then that of the weight beside it."""
    scale = reference[key].abs().max().item()
    weight = reference.get(key.removesuffix("bias") + "weight")
    if not key.endswith("bias") or weight is None:
        return scale
    beside = weight.abs().max().item()
    return scale if scale > 1e-5 * beside else beside


def compare(what, ours, reference):
    check(f"{what}: tensors", set(ours) == set(reference),
          set(ours) ^ set(reference))
    worst = {}
    for key in set(ours) & set(reference):
        a, b = ours[key], reference[key]
        kind = ("the rest" if key in ("evaluated", "features")
                or "running" in key else "gradients")
        error = (a - b).abs().max().item() / scale_of(key, reference)
        worst[kind] = max(worst.get(kind, (0, "")), (error, key))
        check(f"{what} {key}", error < (1e-3 if kind == "gradients" else 1e-4),
              f"error {error:.1e} of {b.abs().max():.1e}")
    print(what, *(f"{kind} {error:.1e} ({key})"
                  for kind, (error, key) in sorted(worst.items())), flush=True)


def check_steps(name, program, folder):
    weights, source, target = (folder / part for part in ("w", "in", "out"))
    model = reference_models.create(name)
    steps = ([("affine", 224)] if name.startswith("vit") else STEPS)
    reference_models.randomise(name, model, steps[-1][1])
    save_file({key: tensor.contiguous() for key, tensor
               in reference_models.base_parameters(name, model).items()},
              weights)
    inputs, reference = {}, {}
    for mode, side in steps:
        images = torch.randn(IMAGES, 3, side, side).contiguous(
            memory_format=torch.channels_last)
        with torch.no_grad():
            rows = features_of(name, model.eval(), images[:1])
        by_features = torch.randn(IMAGES, rows.shape[1])
        inputs[f"{mode}.{side}"] = images.contiguous()
        inputs[f"by.{mode}.{side}"] = by_features
        reference[f"{mode}.{side}"] = reference_step(
            name, model, mode, images, by_features)
    save_file(inputs, source)
    subprocess.run([program, name, weights, source, target], check=True)
    ours = load_file(target)
    for step, numbers in reference.items():
        compare(f"{name} {step}",
                {key.removeprefix(f"{step}/"): tensor
                 for key, tensor in ours.items()
                 if key.startswith(f"{step}/")}, numbers)


def main(facts_program, program):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    names = json.loads(subprocess.run(
        [facts_program], stdout=subprocess.PIPE, check=True).stdout)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            check_steps(name, program, pathlib.Path(folder))
    if failures:
        sys.exit(f"{len(failures)} comparisons failed")


if __name__ == "__main__":
    main(*sys.argv[1:])
