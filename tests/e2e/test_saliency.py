"""Grad-CAM and occlusion of real networks, equal to Python's."""

import json
import unittest
import warnings
from pathlib import Path

import numpy
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from besom_process import EXAMPLES, SHARED, besom, select
from smoke_case import SmokeCase

LIMIT = 1e-3  # Of the map's largest value.


def network(folder):
    """The model of torchvision or timm with the exported weights, as
    (function from pixels to (map, logits), classes)."""
    facts = json.loads((folder / "model.json").read_text())
    state = load_file(folder / "model.safetensors")
    name = facts["base"]["backbone"]
    model = (timm.create_model("tf_" + name) if "lite" in name
             else torchvision.models.get_model(name)).eval()
    base = {key: value for key, value in state.items()
            if not key.startswith("head.")}
    lacking = model.load_state_dict(base, strict=False)
    assert not lacking.unexpected_keys, lacking
    wants = facts["preprocessing"]

    def run(pixels):
        x = torch.from_numpy(pixels).double() / 255 * wants["range"]
        if wants["order"] == "bgr":
            x = x.flip(1)
        mean, std = (torch.tensor(wants[key]).view(1, 3, 1, 1)
                     for key in ("mean", "std"))
        maps = features_of(name, model, ((x - mean) / std).float())
        rows = pooled_of(name, model, maps)
        return maps, head_of(state, rows)
    return run, facts


def head_of(state, rows):
    layer = 0
    while f"head.{layer}.weight" in state:
        rows = functional.linear(torch.relu(rows) if layer else rows,
                                 state[f"head.{layer}.weight"],
                                 state[f"head.{layer}.bias"])
        layer += 1
    return rows


def features_of(name, model, x):
    """The map that Grad-CAM looks at, as a leaf of what follows."""
    with torch.no_grad():
        if name.startswith("vit"):
            x = model._process_input(x)
            x = torch.cat([model.class_token.expand(len(x), -1, -1), x], 1)
            x = x + model.encoder.pos_embedding
            for block in model.encoder.layers[:-1]:
                x = block(x)
            model.before = x
            x = model.encoder.layers[-1].ln_1(x)
        elif name.startswith("resnet"):
            x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
            for block in (model.layer1, model.layer2, model.layer3,
                          model.layer4):
                x = block(x)
        elif "lite" in name:
            x = model.forward_features(x)
        else:
            x = model.features(x)
    return x.requires_grad_(True)


def pooled_of(name, model, maps):
    if name.startswith("vit"):
        block = model.encoder.layers[-1]
        x = model.before + block.self_attention(maps, maps, maps,
                                                need_weights=False)[0]
        return model.encoder.ln(x + block.mlp(block.ln_2(x)))[:, 0]
    if name == "convnext_tiny":
        return model.classifier[1](model.classifier[0](model.avgpool(maps)))
    return maps.mean((2, 3))


def grad_cam(run, pixels, target):
    maps, logits = run(pixels)
    gradient, = torch.autograd.grad(logits[0, target], maps)
    if maps.ndim == 3:
        side = int((maps.shape[1] - 1) ** 0.5)
        maps, gradient = (part[:, 1:].transpose(1, 2)
                          .unflatten(2, (side, side))
                          for part in (maps, gradient))
    weighed = gradient.mean((2, 3), keepdim=True) * maps
    return torch.relu(weighed.sum(1))[0].detach().numpy()


def pixels_of(file, size):
    image = Image.open(file).resize((size, size), Image.Resampling.BILINEAR)
    return numpy.asarray(image.convert("RGB")).transpose(2, 0, 1)[None].copy()


class Saliency(SmokeCase):
    def saliency(self, workspace, trial, images, *arguments, codes=(0,)):
        self.out = Path(self.folder.name) / "out"
        done = besom("saliency", trial, *images, "-o", self.out, "--json",
                     "-w", workspace, *arguments)
        self.assertIn(done.returncode, codes, done.stderr)
        self.printed = [Path(line) for line in done.stdout.splitlines()]
        self.stderr = done.stderr
        return [json.loads(path.with_suffix(".json").read_text())
                for path in self.printed]

    def export(self, workspace, trial):
        folder = Path(self.folder.name) / "exported"
        done = besom("export", trial, "-o", folder, "--format", "safetensors",
                     "-w", workspace)
        self.assertEqual(done.returncode, 0, done.stderr)
        return folder

    def check_map(self, found, wanted, what):
        ours = numpy.array(found["map"])
        self.assertEqual(ours.shape, wanted.shape, what)
        self.assertLessEqual(abs(ours - wanted).max(), LIMIT * wanted.max(),
                             what)

    def xrays(self):
        folder = SHARED / "data/xray/chest_xray/test"
        return [sorted((folder / label).iterdir())[0]
                for label in ("NORMAL", "PNEUMONIA")]

    def test_grad_cam_is_pythons(self):
        workspace = self.workspace()
        done = besom(
            "run", EXAMPLES / "covid-xray.yaml", "-w", workspace,
            "--set", "ingest.limit_per_class=6", "--set", "train.epochs=3",
            "--set", "augment.views=0", "--set", "evaluate.external=[]",
            "--set", "parameters={model.backbone: {values: [vgg16, "
            "efficientnet_lite0, resnet50, convnext_tiny, vit_b_16]}}",
            "--set", "model.head=[16]", "--set",
            "model.weights={vgg16: \"${VGG16_WEIGHTS}\", efficientnet_lite0: "
            "imagenet, resnet50: random, convnext_tiny: random, vit_b_16: "
            "random}")
        self.assertEqual(done.returncode, 0, done.stderr)
        images = self.xrays()
        for trial, backbone in select(workspace,
                                      "select trial, backbone from trials"):
            run, facts = network(self.export(workspace, trial))
            positive = 0
            for target, label in enumerate(facts["classes"]):
                for found, file in zip(self.saliency(
                        workspace, trial, images, "--class", label), images):
                    pixels = pixels_of(file, 224)
                    wanted = grad_cam(run, pixels, target)
                    # Nothing may speak for a class, but not for all.
                    positive += wanted.max() > 0
                    self.check_map(found, wanted, backbone)
            self.assertGreater(positive, 0, backbone)
            shares = run(pixels)[1].softmax(1)[0].tolist()
            for name, share in zip(facts["classes"], shares):
                self.assertAlmostEqual(found["probabilities"][name], share,
                                       delta=1e-4)

    def small(self, *more):
        images, data = self.draw_images({"dark": 60, "bright": 180}, 10)
        return images, self.run_smoke(
            self.workspace(), *data, "--set", "model.backbone=resnet18",
            "--set", "parameters={}", *more)

    def test_a_class_may_be_named_and_fits_are_averaged(self):
        images, workspace = self.small(
            "--set", "split={folds: 2, test: 0.2}", "--set",
            "model.unfreeze=layer4", "--set",
            "train.base_learning_rate=1.0e-3")
        file = images / "dark/0.png"
        found, = self.saliency(workspace, "best", [file], "--class", "bright")
        self.assertEqual(found["class"], "bright")
        # Of each fit by itself: its tensors take the place of the base's.
        folder = self.export(workspace, "best")
        state = load_file(folder / "model.safetensors")
        shared = {key: value for key, value in state.items()
                  if not key.startswith("fits.")}
        mean = 0
        for fit in range(2):
            model = torchvision.models.resnet18().eval()
            own = {key.removeprefix(f"fits.{fit}."): value for key, value
                   in state.items() if key.startswith(f"fits.{fit}.")}
            model.load_state_dict(
                {**shared, **{key: value for key, value in own.items()
                              if not key.startswith("head.")}}, strict=False)

            def run(pixels):
                x = torch.from_numpy(pixels).float() / 255
                x = (x - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
                     ) / torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
                maps = features_of("resnet18", model, x)
                return maps, head_of(own, maps.mean((2, 3)))
            mean = mean + grad_cam(run, pixels_of(file, 64), 1) / 2
        self.check_map(found, mean, "mean of fits")
        self.assertGreater(mean.max(), 0)

    def test_occlusion_is_what_the_network_says_of_covered_images(self):
        images, workspace = self.small()
        file = images / "bright/0.png"
        found, = self.saliency(workspace, "best", [file], "--method",
                               "occlusion")
        run, facts = network(self.export(workspace, "best"))
        target = facts["classes"].index(found["class"])
        with torch.no_grad():
            def share(pixels):
                return run(pixels)[1].softmax(1)[0, target].item()
            plain = pixels_of(file, 64)
            # Patches of 8 around the middles of 16 x 16 cells of 4 pixels.
            wanted = numpy.zeros((16, 16))
            for row in range(16):
                for column in range(16):
                    y, x = (max(0, 2 + 4 * at - 4) for at in (row, column))
                    bottom, right = (2 + 4 * at + 4 for at in (row, column))
                    covered = plain.copy()
                    covered[:, :, y:bottom, x:right] = 128
                    wanted[row, column] = share(plain) - share(covered)
        self.assertLess(abs(numpy.array(found["map"]) - wanted).max(), LIMIT)
        self.assertGreater(abs(wanted).max(), LIMIT)

    def test_the_picture_shows_the_map_over_the_image(self):
        images, workspace = self.small("--set", "ingest.image_size=224")
        found, = self.saliency(workspace, "best", [images / "dark/1.png"])
        page = numpy.asarray(Image.open(self.printed[0])).astype(float)
        image = pixels_of(images / "dark/1.png", 224)[0, 0]
        self.assertTrue((page[8:232, 8:232, 0] == image).all())
        over = page[8:232, 240:464]
        heat = functional.interpolate(
            torch.tensor(found["map"])[None, None], (224, 224),
            mode="bilinear")[0, 0].numpy()
        heat = heat / numpy.max(found["map"])
        stops = numpy.array([[0, 0, 4], [87, 16, 110], [188, 55, 84],
                             [249, 142, 9], [252, 255, 164]])
        for channel in range(3):
            color = numpy.interp(heat, numpy.linspace(0, 1, 5),
                                 stops[:, channel])
            self.assertLess(
                abs(over[..., channel] - (image + color) / 2).max(), 2)
        # The bar goes from the largest value down to 0.
        self.assertEqual(page[8, 474].tolist(), [252, 255, 164])
        self.assertEqual(page[231, 474].tolist(), [0, 0, 4])

    def test_images_of_the_sweep_are_known_by_name(self):
        images, workspace = self.small()
        by_file, by_name = (
            self.saliency(workspace, "best", [image])[0]["map"]
            for image in (images / "dark/0.png", "files/dark/0.png"))
        self.assertEqual(by_file, by_name)

    def test_a_base_of_ones_own(self):
        class Base(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 8, 3, stride=4)

            def forward(self, images):
                return torch.relu(self.conv(images))

        file = Path(self.folder.name) / "own.pt"
        base = Base()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.script(base).save(str(file))
        images, data = self.draw_images({"dark": 60, "bright": 180}, 10)
        workspace = self.run_smoke(
            self.workspace(), *data, "--set", "parameters={}", "--set",
            f"model.backbone={{torchscript: {file}}}", "--set",
            "model.weights=imagenet")
        found, = self.saliency(workspace, "best", [images / "dark/0.png"])
        self.assertEqual(numpy.shape(found["map"]), (16, 16))

    def test_what_cannot_be_drawn_is_told_and_the_rest_is_drawn(self):
        images, workspace = self.small()
        text = Path(self.folder.name) / "text.png"
        text.write_text("no image")
        self.saliency(workspace, "best",
                      [text, images / "dark/0.png", images / "bright/0.png"],
                      codes=(1,))
        self.assertEqual(len(set(self.printed)), 2)
        self.assertIn("text.png", self.stderr)
        self.saliency(workspace, "best", ["nosuch"], codes=(2,))
        self.assertIn("neither a file nor an image", self.stderr)
        self.saliency(workspace, "best", [images / "dark/0.png"], "--class",
                      "grey", codes=(2,))
        self.assertIn("dark, bright", self.stderr)


if __name__ == "__main__":
    unittest.main()
