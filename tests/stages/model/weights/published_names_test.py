"""Imports every backbone of the registry in the form that it is published in.

usage: published_names_test.py BESOM

The files are made here: state dicts of torchvision's and timm's models with
the names that the published files have (the older ones where torchvision's
loaders still rename them), and Keras's names and axes for its DenseNet-121.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import h5py
import timm
import torch
import torchvision
from safetensors.torch import load_file

BESOM = sys.argv.pop(1)
REPOSITORY = pathlib.Path(__file__).resolve().parents[4]
REGISTRY = json.loads(
    (REPOSITORY / "stages/model/weights/registry.json").read_text())
CLASSIFIERS = ("classifier.", "fc.", "heads.")
# ConvNeXt's last norm stands in torchvision's classifier, before its layer.
IN_BASE = ("classifier.0.weight", "classifier.0.bias")


def is_base(name, backbone):
    return (not name.startswith(CLASSIFIERS)
            or backbone == "convnext_tiny" and name in IN_BASE)


def small(state, backbone):
    """Without the numbers of the classifier, which may be most of them."""
    return {name: tensor if is_base(name, backbone) else tensor[:1].clone()
            for name, tensor in state.items()}


def model_state(backbone):
    torch.manual_seed(5)
    if backbone.startswith("efficientnet_lite"):
        return small(timm.create_model("tf_" + backbone).state_dict(),
                     backbone)
    model = torchvision.models.get_model(backbone)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2)
    return small(model.state_dict(), backbone)


def older_name(name):
    """As in densenet121-a639ec97.pth and vit_b_16-c867db91.pth."""
    name = re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", name)
    return name.replace(".mlp.0.", ".mlp.linear_1.").replace(
        ".mlp.3.", ".mlp.linear_2.")


def keras_densenet(state):
    """{path in the file: array} as keras.applications names and stores it."""
    modules = {"features.conv0": "conv1/conv", "features.norm0": "conv1/bn",
               "features.norm5": "bn"}
    for number in 1, 2, 3:
        for part, short in ("norm", "bn"), ("conv", "conv"):
            modules[f"features.transition{number}.{part}"] = (
                f"pool{number + 1}_{short}")
    for block, layers in enumerate((6, 12, 24, 16), start=1):
        for layer in range(1, layers + 1):
            for part, short in (("norm1", "0_bn"), ("conv1", "1_conv"),
                                ("norm2", "1_bn"), ("conv2", "2_conv")):
                modules[f"features.denseblock{block}.denselayer{layer}.{part}"
                        ] = f"conv{block + 1}_block{layer}_{short}"
    arrays = {}
    for name, tensor in state.items():
        module, part = name.rsplit(".", 1)
        layer = modules.get(module)
        if layer is None or part == "num_batches_tracked":
            continue
        conv = tensor.dim() == 4
        keras = {"weight": "kernel" if conv else "gamma", "bias": "beta",
                 "running_mean": "moving_mean",
                 "running_var": "moving_variance"}[part]
        if conv:
            tensor = tensor.permute(2, 3, 1, 0)
        arrays[f"{layer}/{layer}/{keras}:0"] = tensor.contiguous().numpy()
    return arrays


class PublishedNamesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_import(self, file):
        done = subprocess.run(
            [BESOM, "weights", "import", str(file), "--replace"],
            env={**os.environ, "BESOM_WEIGHTS": str(self.folder / "weights")},
            capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return load_file(done.stdout.strip()), done.stdout.strip()

    def test_every_backbone_is_known_by_its_tensors(self):
        backbones = list(dict.fromkeys(e["backbone"] for e in REGISTRY))
        self.assertEqual(len(backbones), 21)
        for backbone in backbones:
            with self.subTest(backbone):
                state = model_state(backbone)
                file = self.folder / "published.pth"
                torch.save({older_name(name): tensor
                            for name, tensor in state.items()}, file)
                ours, path = self.run_import(file)
                self.assertTrue(path.endswith(f"/{backbone}.safetensors"))
                self.assertEqual(
                    set(ours),
                    {name for name in state
                     if is_base(name, backbone)
                     and not name.endswith("num_batches_tracked")})
                for name, tensor in ours.items():
                    self.assertTrue(torch.equal(tensor, state[name]), name)
                file.unlink()
                os.unlink(path)

    def test_keras_densenet(self):
        state = model_state("densenet121")
        file = self.folder / "densenet121.h5"
        with h5py.File(file, "w") as out:
            for name, array in keras_densenet(state).items():
                out[name] = array
        ours, path = self.run_import(file)
        self.assertTrue(path.endswith("/densenet121.safetensors"))
        model = torchvision.models.densenet121()
        model.load_state_dict({**model.state_dict(), **ours})
        # Keras's batch norms divide by sqrt(variance + 1.001e-5).
        keras = torchvision.models.densenet121()
        keras.load_state_dict({**keras.state_dict(),
                               **{n: t for n, t in state.items()
                                  if not n.startswith("classifier")}})
        for module in keras.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eps = 1.001e-5
        picture = torch.rand(2, 3, 64, 64, generator=torch.manual_seed(1))
        with torch.inference_mode():
            torch.testing.assert_close(model.eval().features(picture),
                                       keras.eval().features(picture))


if __name__ == "__main__":
    unittest.main()
