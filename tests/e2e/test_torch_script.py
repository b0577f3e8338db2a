"""A network of one's own, from a TorchScript file, as a frozen base."""

import csv
import io
import json
import random
import unittest
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from besom_process import besom, same_rows, select
from smoke_case import SMOKE, SmokeCase

SIDE = 32
CLASSES = ["dark", "bright"]


class Base(nn.Module):
    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(3, 8, 3, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.5)

    def forward(self, images):
        return self.drop(torch.relu(self.norm(self.conv(images))))


class TorchScript(SmokeCase):
    def setUp(self):
        super().setUp()
        self.images = Path(self.folder.name) / "images"
        draw = random.Random(1)
        for name, level in zip(CLASSES, (60, 180)):
            (self.images / name).mkdir(parents=True)
            for i in range(12):
                image = Image.new("L", (SIDE, SIDE))
                image.putdata([level + draw.randrange(-50, 51)
                               for _ in range(SIDE * SIDE)])
                image.save(self.images / name / f"{i}.png")
        self.file = Path(self.folder.name) / "own.pt"
        self.save(1)

    def save(self, seed):
        torch.jit.script(Base(seed)).save(str(self.file))

    def settings(self, *more):
        return ["--set", f"model.backbone={{torchscript: {self.file}}}",
                "--set", "model.weights=imagenet",
                "--set", f"ingest.classes=[{', '.join(CLASSES)}]",
                "--set", f"ingest.image_size={SIDE}",
                "--set", "ingest.sources=[{name: files, format: image_folder, "
                f"path: {self.images}, labels: {{dark: dark, bright: bright}}}}]",
                "--set", "evaluate.positive=dark",
                "--set", "evaluate.predictions=all", *more]

    def run_own(self, *more, workspace=None, codes=(0,)):
        return self.run_smoke(workspace or self.workspace(),
                              *self.settings(*more), codes=codes)

    def counted(self, workspace):
        """(features tasks, those that a run found done)"""
        return select(workspace, "select sum(tasks), sum(cached) from "
                      "task_times where stage = 'features'")[0]

    def probabilities(self, workspace, trial):
        return {path: json.loads(text) for path, text in select(
            workspace, "select path, probabilities from predictions "
            f"where trial = '{trial}'")}

    def predicted(self, workspace, trial):
        done = besom("predict", trial, self.images, "--csv", "-w", workspace)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {Path(row["path"]).relative_to(self.images).as_posix():
                [float(row[f"probability_{name}"]) for name in CLASSES]
                for row in csv.DictReader(io.StringIO(done.stdout))}

    def test_rows_do_not_depend_on_ranks_and_predict_says_the_same(self):
        workspace = self.run_own()
        self.assertEqual(same_rows(self.run_own("-n", "2")),
                         same_rows(workspace))
        for (trial,) in select(workspace, "select trial from trials"):
            said = self.probabilities(workspace, trial)
            self.assertEqual(len(said), 24)
            self.assertEqual(self.predicted(workspace, trial), said)
        self.assertEqual(
            select(workspace, "select distinct backbone from leaderboard"),
            [("own.pt",)])

    def test_a_head_of_frozen_features_is_pythons(self):
        """A linear probe with weight decay has one best; Python's, on the
        features of PyTorch, says the same of every image."""
        workspace = self.run_own(
            "--set", "parameters={}", "--set", "model.head=[]",
            "--set", "train.epochs=600", "--set", "augment.views=0",
            "--set", "train.weight_decay=0.1", "--set", "train.optimizer=sgd",
            "--set", "train.learning_rate=0.5", "--set", "train.batch_size=64",
            "--set", "train.keep.epoch=last")
        ((trial,),) = select(workspace, "select trial from trials")
        said = self.probabilities(workspace, trial)
        trained = [path for (path,) in select(
            workspace, "select path from predictions where split = 'train'")]
        base = Base(1).eval()
        mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
        deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
        with torch.no_grad():
            features = {path: base(self.pixels(path, mean, deviation)[None])
                        .mean((2, 3))[0] for path in said}
        head = nn.Linear(8, 2)
        step = torch.optim.SGD(head.parameters(), 0.5, weight_decay=0.1)
        inputs = torch.stack([features[path] for path in trained])
        labels = torch.tensor([CLASSES.index(path.split("/")[0])
                               for path in trained])
        for _ in range(600):
            step.zero_grad()
            nn.functional.cross_entropy(head(inputs), labels).backward()
            step.step()
        for path, row in features.items():
            found = head(row).softmax(0).tolist()
            for ours, pythons in zip(said[path], found):
                self.assertAlmostEqual(ours, pythons, delta=1e-4, msg=path)

    def pixels(self, path, mean, deviation):
        grey = torch.frombuffer(
            bytearray(Image.open(self.images / path).tobytes()),
            dtype=torch.uint8)
        image = grey.view(1, SIDE, SIDE).expand(3, -1, -1) / 255
        return (image - mean) / deviation

    def test_another_network_in_the_file_is_computed_anew(self):
        workspace = self.run_own()
        before = self.counted(workspace)
        old = {trial for (trial,) in select(workspace,
                                            "select trial from trials")}
        self.run_own(workspace=workspace)
        self.assertEqual(self.counted(workspace), before)
        digest = select(workspace, "select digest from weights")
        self.save(2)
        self.run_own(workspace=workspace)
        self.assertEqual(self.counted(workspace)[0], 2 * before[0])
        ranked = {trial for (trial,) in select(
            workspace, "select trial from leaderboard where rank is not null")}
        self.assertFalse(ranked & old)
        self.assertEqual(len(select(workspace, "select digest from weights")),
                         1 + len(digest))
        done = besom("predict", old.pop(), self.images, "-w", workspace)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("not the weights of the trial", done.stderr)

    def test_it_stands_beside_other_bases(self):
        workspace = self.run_own(
            "--set", "parameters={model.backbone: {values: [resnet18, "
            f"{{torchscript: {self.file}}}]}}}}",
            "--set", "model.weights=random", codes=(2,))
        workspace = self.run_own(
            "--set", "parameters={model.backbone: {values: [resnet18, "
            f"{{torchscript: {self.file}}}]}}}}",
            "--set", "model.weights={resnet18: random, "
            "efficientnet_lite0: random}")
        self.assertEqual(select(
            workspace, "select backbone from leaderboard order by backbone"),
            [("own.pt",), ("resnet18",)])

    def test_what_it_cannot_do_is_refused_before_anything_runs(self):
        for more, word in (
                (["--set", "model.unfreeze=all"], "always frozen"),
                (["--set", "model.cut=block1"], "blocks are not known"),
                (["--set", "model.precision=bf16"], "fp32"),
                (["--set", "model.weights=random"], "holds its weights"),
                (["--set", "ingest.image_size=auto"], "ingest.image_size"),
                (["--set", "model.backbone={torchscript: /no/such.pt}"],
                 "there is no file /no/such.pt"),
                (["--set", "model.backbone={torchscript: a.py}"], "*.pt")):
            with self.subTest(more):
                workspace = self.workspace()
                done = besom("run", SMOKE, "-w", workspace,
                             *self.settings(*more))
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(word, done.stderr)
                self.assertFalse((workspace / "besom.db").exists())

    def test_damaged_files_are_refused_before_anything_runs(self):
        whole = self.file.read_bytes()
        for damaged in whole[:len(whole) // 2], b"", b"import os\n":
            self.file.write_bytes(damaged)
            for verb in "plan", "run":
                workspace = self.workspace()
                done = besom(verb, SMOKE, "-w", workspace, *self.settings())
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("own.pt", done.stderr)
                self.assertIn("torch.jit.script", done.stderr)
                self.assertFalse((workspace / "besom.db").exists())


if __name__ == "__main__":
    unittest.main()
