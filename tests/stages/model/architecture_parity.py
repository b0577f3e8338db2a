"""Holds every backbone to the torchvision or timm model that it follows: names
and shapes of parameters, multiply-adds, what the published weights want, and on
each engine the maps of all blocks, with random weights.

usage: architecture_parity.py BACKBONE_FACTS BLOCK_MAPS ENGINE...

Limit in float32, per image: max |a - b| / max |b| < 1e-4.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file
from torch.utils.flop_counter import FlopCounterMode

import reference_models
from checks import Checks

LIMIT = 1e-4
# Sizes at which maps are compared; odd ones pad differently.
SIZES = (96, 119)
check = Checks()


def multiply_adds(name, model, size):
    """As PyTorch counts them, without the classifier."""
    images = torch.zeros(2, 3, size, size)
    # In train mode attention goes through the operators that are counted.
    with FlopCounterMode(display=False) as counter:
        model.train()(images)
    model.eval()
    classifier = sum(
        module.weight.numel() for key, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and f"{key}.".startswith(reference_models.CLASSIFIERS))
    return counter.get_total_flops() // (2 * len(images)) - classifier


def check_facts(name, facts, model):
    ours = {key: tuple(shape) for key, shape in facts["parameters"].items()}
    theirs = {
        key: tuple(tensor.shape) for key, tensor
        in reference_models.base_parameters(name, model).items()}
    check(f"{name}: parameters", ours == theirs,
          sorted(set(ours.items()) ^ set(theirs.items()))[:6])
    size, mean, std = reference_models.training_input(name)
    wants = facts["preprocessing"]
    check(f"{name}: input",
          (facts["input_size"], wants["mean"], wants["std"], wants["order"],
           wants["range"]) == (size, list(mean), list(std), "rgb", 1.0), facts)
    blocks = [block for block, *_ in
              reference_models.block_outputs(name, model)]
    check(f"{name}: blocks", facts["blocks"] == blocks, blocks)
    counted = multiply_adds(name, model, size)
    check(f"{name}: multiply-adds", facts["multiply_adds"] == counted,
          f"{facts['multiply_adds']} is not {counted}")


def check_maps(name, sizes, model, program, engines, folder):
    weights, source, target = (folder / part for part in ("w", "in", "out"))
    save_file({key: tensor.contiguous() for key, tensor
               in reference_models.base_parameters(name, model).items()},
              weights)
    images = {str(size): torch.randn(3, 3, size, size) for size in sizes}
    save_file({size: batch.permute(0, 2, 3, 1).contiguous()
               for size, batch in images.items()}, source)
    reference = {
        f"{size}/{block}": map for size, batch in images.items()
        for block, map in reference_models.block_maps(
            name, model, batch).items()}
    for engine in engines:
        subprocess.run([program, engine, name, weights, source, target],
                       check=True)
        compare(f"{engine}: {name}", load_file(target), reference)


def compare(what, ours, reference):
    check(f"{what}: blocks", sorted(ours) == sorted(reference),
          f"{sorted(ours)} are not {sorted(reference)}")
    worst = 0
    for block in set(ours) & set(reference):
        a, b = ours[block], reference[block]
        if a.shape != b.shape:
            check(f"{what} {block}", False, f"{a.shape} is not {b.shape}")
            continue
        # A block in which nothing happens would always agree.
        check(f"{what} {block} differs between images",
              (b[0] - b[1]).abs().max() > 1e-3 * b.abs().max())
        error = ((a - b).abs().flatten(1).amax(1)
                 / b.abs().flatten(1).amax(1)).max().item()
        worst = max(worst, error)
        check(f"{what} {block}", error < LIMIT, f"error {error:.1e}")
    print(f"{what}: {len(ours)} maps, largest error {worst:.1e}", flush=True)


def main(facts_program, maps_program, *engines):
    torch.manual_seed(0)
    catalog = json.loads(subprocess.run(
        [facts_program], stdout=subprocess.PIPE, check=True).stdout)
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        for name, facts in catalog.items():
            model = reference_models.create(name).eval()
            check_facts(name, facts, model)
            sizes = (224,) if name.startswith("vit") else SIZES
            reference_models.randomise(name, model, sizes[0])
            check_maps(name, sizes, model, maps_program, engines,
                       pathlib.Path(folder))
    check.finish()


if __name__ == "__main__":
    main(*sys.argv[1:])
