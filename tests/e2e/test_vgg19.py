"""VGG19 as a user has it: from a state dict of torchvision to predictions."""

import csv
import io
import json
import os
import unittest
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors import safe_open

from besom_process import besom, same_rows, select
from smoke_case import SMOKE, SmokeCase

SIDE = 64
CLASSES = ["dark", "bright"]


class Vgg19(SmokeCase):
    def setUp(self):
        super().setUp()
        root = Path(self.folder.name)
        self.images, data = self.draw_images({"dark": 70, "bright": 170}, 9,
                                             SIDE)
        torch.manual_seed(0)
        self.network = torchvision.models.vgg19(weights=None).features.eval()
        # As torchvision publishes it, without the classifier's 500 MB.
        self.file = root / "my_vgg19.pth"
        torch.save({f"features.{name}": tensor for name, tensor
                    in self.network.state_dict().items()}, self.file)
        self.weights = root / "weights"
        self.weights.mkdir()
        self.axes = [
            *data, "--set", "train.epochs=2",
            "--set", "augment={views: 0}", "--set", "model.backbone=vgg19"]

    def besom(self, *arguments, code=0):
        done = besom(*arguments, BESOM_WEIGHTS=self.weights)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def probabilities(self, head):
        """Of each file, by torchvision's network and this head's file."""
        with safe_open(head, "torch") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            said = json.loads(file.metadata()["besom"])
        wanted = said["model"]["preprocessing"]
        found = {}
        for path in sorted(self.images.glob("*/*.png")):
            pixels = torch.from_numpy(np.asarray(Image.open(path)).copy())
            rgb = (pixels.float() / 255).expand(1, 3, SIDE, SIDE)
            mean, std = (torch.tensor(wanted[key]).view(1, 3, 1, 1)
                         for key in ("mean", "std"))
            with torch.no_grad():
                row = self.network((rgb - mean) / std).mean((2, 3))
                hidden = torch.relu(row @ tensors["head.0.weight"].T
                                    + tensors["head.0.bias"])
                logits = hidden @ tensors["head.1.weight"].T
                found[str(path)] = torch.softmax(
                    logits + tensors["head.1.bias"], 1)[0]
        return found

    def test_an_imported_file_gives_torchvisions_probabilities(self):
        self.besom("weights", "import", self.file, "--name", "vgg19.mine")
        axes = [*self.axes, "--set", "model.weights=vgg19.mine",
                "--set", "parameters={model.head: {values: [[16]]}}"]
        workspace = self.workspace()
        plan = self.besom("plan", SMOKE, "-w", workspace, *axes)
        self.assertIn("vgg19.mine", plan.stdout)
        self.besom("run", SMOKE, "-w", workspace, *axes)
        self.assertEqual(select(workspace, "select backbone, weights, source "
                                "from weights"),
                         [("vgg19", "vgg19.mine", "my_vgg19.pth")])
        digest = select(workspace, "select digest from blob join action "
                        "using (key) where stage = 'fine_tune' "
                        "and port = 'weights'")[0][0]
        expected = self.probabilities(
            workspace / "store/blobs.v1" / digest[:2] / digest)
        done = self.besom("predict", "best", self.images, "--csv", "-w",
                          workspace)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual(len(rows), 18)
        for row in rows:
            for name, p in zip(CLASSES, expected[row["path"]]):
                self.assertAlmostEqual(float(row[f"probability_{name}"]),
                                       p.item(), delta=2e-5)

    def test_it_is_trained_from_its_last_block_on(self):
        self.besom("weights", "import", self.file, "--name", "vgg19.mine")
        axes = [*self.axes,
                "--set", "parameters={model.unfreeze: {values: [none, block5]}, "
                "model.weights: {values: [random, vgg19.mine]}}",
                "--set", "train.base_learning_rate=1.0e-3"]
        workspaces = [self.workspace(), self.workspace()]
        for workspace, ranks in zip(workspaces, ("1", "2")):
            self.besom("run", SMOKE, "-w", workspace, *axes, "-n", ranks)
        self.assertEqual(same_rows(workspaces[0]), same_rows(workspaces[1]))
        losses = [loss for loss, in select(
            workspaces[0], "select value from metrics where name = 'loss' "
            "and split = 'validation' and epoch is null")]
        self.assertEqual(len(set(losses)), 4, losses)

    def test_without_its_weights_nothing_is_made_up(self):
        workspace = self.workspace()
        done = self.besom("run", SMOKE, "-w", workspace, *self.axes,
                          "--set", "model.weights=imagenet", code=4)
        self.assertIn("besom weights fetch vgg19", done.stderr)
        self.assertFalse(os.path.exists(workspace / "besom.db"))


if __name__ == "__main__":
    unittest.main()
