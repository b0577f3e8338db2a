"""Holds exported models to torchvision's and timm's: the same probabilities
from PyTorch and ONNX Runtime, and state dicts that their models load.

usage: export_parity.py BACKBONE_FACTS EXPORT_MODEL

All backbones with random weights, cut at the end; and one of each way in which
a base may be cut, pooled, trained in part, and met by several fits.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import onnx
import onnxruntime
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import reference_models  # noqa: E402
from checks import Checks  # noqa: E402

LIMIT = 1e-5  # Of a probability.
CLASSES = ["a", "b", "c"]
PREPROCESSING = {
    "rgb": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
            "order": "rgb", "range": 1},
    "caffe": {"mean": [103.939, 116.779, 123.68], "std": [60, 61, 62],
              "order": "bgr", "range": 255}}
check = Checks()


def network_input(images, preprocessing):
    pixels = images.double() / 255 * preprocessing["range"]
    if preprocessing["order"] == "bgr":
        pixels = pixels.flip(1)
    mean, std = (torch.tensor(preprocessing[key]).view(1, 3, 1, 1)
                 for key in ("mean", "std"))
    return ((pixels - mean) / std).float()


def pooled(pooling, maps):
    if pooling == "average":
        return maps.mean((2, 3))
    if pooling == "max":
        return maps.amax((2, 3))
    if pooling == "average4":
        maps = torch.nn.functional.avg_pool2d(maps, 4, 4)
    return maps.flatten(1)


def coloured_patches(count, size):
    """Images that differ in more than noise."""
    coarse = torch.rand(count, 3, 4, 4)
    contrast = torch.linspace(0.2, 1, count).view(-1, 1, 1, 1)
    return (torch.nn.functional.interpolate(coarse, (size, size)) * 255
            * contrast).round().to(torch.uint8)


class Reference:
    """A model of torchvision or timm with heads of the besom kind."""

    def __init__(self, name, size, settings, fits=1):
        self.name, self.size, self.settings = name, size, settings
        self.model = reference_models.create(name).eval()
        reference_models.randomise(name, self.model, size)
        self.images = coloured_patches(5, size)
        self.base = reference_models.base_parameters(name, self.model)
        self.base = {key: value.clone() for key, value in self.base.items()}
        self.own = [self.trained(fit, fits) for fit in range(fits)]
        self.heads = []
        for fit in range(fits):
            # Hidden units that see what differs between images.
            rows = self.rows(fit)
            mean = rows.mean(0)
            weight = torch.randn(6, rows.shape[1])
            weight /= 2 * ((rows - mean) @ weight.T).std()
            self.heads.append([weight, 0.5 - weight @ mean,
                               torch.randn(3, 6) / 2, torch.randn(3) / 2])

    def trained(self, fit, fits):
        """Tensors of its own, somewhat off those of the base."""
        first = self.settings.get("trained", "none")
        if first == "none":
            return {}
        return {key: value * (1 + 0.01 * (fit + 1)) for key, value
                in self.base.items() if first == "" or key.startswith(first)}

    def rows(self, fit):
        state = {**self.base, **self.own[fit]}
        self.model.load_state_dict(state, strict=False)
        maps = reference_models.block_maps(
            self.name, self.model, network_input(
                self.images, self.settings["preprocessing"]))
        cut = self.settings["cut"]
        return pooled(self.settings["pooling"], maps[
            cut if cut != "full" else list(maps)[-1]])

    def probabilities(self):
        total = 0
        for fit, (w0, b0, w1, b1) in enumerate(self.heads):
            hidden = torch.relu(self.rows(fit) @ w0.T + b0)
            total = total + torch.softmax(hidden @ w1.T + b1, 1)
        return total / len(self.heads)

    def write(self, folder):
        """The arguments that name it to export_model."""
        (folder / "model.json").write_text(json.dumps(
            {"backbone": self.name, "cut": self.settings["cut"],
             "pooling": self.settings["pooling"],
             "preprocessing": self.settings["preprocessing"],
             "unfreeze": self.settings.get("unfreeze", "none")}))
        save_file({key: value.contiguous() for key, value
                   in self.base.items()}, folder / "weights")
        heads = []
        for fit, (w0, b0, w1, b1) in enumerate(self.heads):
            heads.append(folder / f"head{fit}")
            save_file({"head.0.weight": w0, "head.0.bias": b0,
                       "head.1.weight": w1, "head.1.bias": b1,
                       **{key: value.contiguous() for key, value
                          in self.own[fit].items()}}, heads[-1],
                      {"besom": json.dumps({"classes": CLASSES})})
        return [folder / "model.json", self.size, folder / "weights"], heads


def of_onnx(file, images):
    onnx.checker.check_model(str(file), full_check=True)
    session = onnxruntime.InferenceSession(str(file))
    check("metadata", session.get_modelmeta().custom_metadata_map
          == {"besom": "{}"})
    # Any number of images at once.
    parts = [session.run(["logits", "probabilities"], {"image": part.numpy()})
             for part in (images[:1], images[1:])]
    return [torch.cat([torch.from_numpy(part[i]) for part in parts])
            for i in range(2)]


def of_torch(file, images):
    files = {"besom": ""}
    module = torch.jit.load(str(file), _extra_files=files).eval()
    check("extra file", files["besom"] == b"{}")
    check("classes", module.classes == CLASSES)
    outputs = [module(part) for part in (images[:1], images[1:].float())]
    return [torch.cat(parts) for parts in zip(*outputs)]


def check_state(what, reference, folder, arguments, heads):
    """A state dict that the reference's model takes."""
    file = folder / "model.safetensors"
    subprocess.run([reference.program, *map(str, arguments), "safetensors",
                    file, *heads], check=True)
    state = load_file(file)
    module = torch.jit.load(str(folder / "model.pt")).state_dict()
    check(f"{what}: the script's state dict", module.keys() == state.keys()
          and all(torch.equal(module[key], state[key]) for key in state))
    if len(heads) > 1 or reference.settings["cut"] != "full":
        return
    base = {key: value for key, value in state.items()
            if not key.startswith("head.")}
    wanted = {**reference.base, **reference.own[0]}
    check(f"{what}: state dict", base.keys() == wanted.keys()
          and all(torch.equal(base[key], wanted[key]) for key in wanted),
          sorted(base.keys() ^ wanted.keys())[:5])


def compare(what, reference, program, folder):
    folder.mkdir()
    reference.program = program
    arguments, heads = reference.write(folder)
    wanted = reference.probabilities()
    check(f"{what}: images differ",
          (wanted[0] - wanted[1]).abs().max() > 1e-3, wanted)
    worst = {}
    for kind, ending, read in (("onnx", "onnx", of_onnx),
                               ("torchscript", "pt", of_torch)):
        file = folder / f"model.{ending}"
        subprocess.run([program, *map(str, arguments), kind, file, *heads],
                       check=True)
        logits, found = read(file, reference.images)
        worst[kind] = (found - wanted).abs().max().item()
        check(f"{what}: {kind}", worst[kind] < LIMIT, worst[kind])
        check(f"{what}: {kind}'s logits", torch.allclose(
            torch.softmax(logits, 1), found, atol=1e-6))
    check_state(what, reference, folder, arguments, heads)
    print(f"{what}: largest error of a probability",
          ", ".join(f"{value:.1e} ({kind})" for kind, value in worst.items()),
          flush=True)


def main(facts_program, program):
    torch.manual_seed(0)
    catalog = json.loads(subprocess.run(
        [facts_program], stdout=subprocess.PIPE, check=True).stdout)
    usual = {"cut": "full", "pooling": "average",
             "preprocessing": PREPROCESSING["rgb"]}
    cases = [(name, 224 if name.startswith("vit") else 97, usual, 1)
             for name in catalog]
    cases += [
        ("vgg11", 75, {**usual, "preprocessing": PREPROCESSING["caffe"],
                       "pooling": "flatten"}, 1),
        ("vgg11_bn", 96, {**usual, "cut": "block3", "pooling": "average4"}, 2),
        ("resnet18", 97, {**usual, "pooling": "max"}, 3),
        ("resnet18", 96, {**usual, "unfreeze": "layer4",
                          "trained": "layer4."}, 2),
        ("mobilenet_v2", 64, {**usual, "unfreeze": "all", "trained": ""}, 1),
        ("densenet121", 64, {**usual, "cut": "denseblock2"}, 1),
        ("vit_b_16", 224, {**usual, "cut": "block3", "pooling": "max"}, 1)]
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        for number, (name, size, settings, fits) in enumerate(cases):
            what = f"{name} {settings['cut']} {settings['pooling']}"
            if fits > 1:
                what += f" x{fits}"
            if "trained" in settings:
                what += f" from {settings['unfreeze']}"
            compare(what, Reference(name, size, settings, fits), program,
                    pathlib.Path(folder) / str(number))
    check.finish()


if __name__ == "__main__":
    main(*sys.argv[1:])
