"""Exported models: the probabilities of `predict` from PyTorch and ONNX
Runtime, on images in files, and what is told of the model beside it."""

import csv
import io
import json
import unittest
import warnings
from pathlib import Path

import numpy
import onnxruntime
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from besom_process import EXAMPLES, SHARED, besom, select
from smoke_case import SmokeCase

LIMIT = 1e-5  # Of a probability.
ENDINGS = {"onnx": ".onnx", "torchscript": ".pt", "safetensors": ".safetensors"}


def pixels_of(file, size):
    """As model.json says: resized like Pillow does, RGB, channels first."""
    image = Image.open(file)
    if image.format == "JPEG":
        shrunk = next(by for by in (8, 4, 2, 1)
                      if by == 1 or min(image.size) >= by * 2 * size)
        image.draft(None, tuple(side // shrunk for side in image.size))
    image = image.resize((size, size), Image.Resampling.BILINEAR)
    return numpy.asarray(image.convert("RGB")).transpose(2, 0, 1)[None].copy()


def loaded(path):
    """A function from pixels to (logits, probabilities)."""
    if path.suffix == ".onnx":
        session = onnxruntime.InferenceSession(str(path))
        return lambda pixels: session.run(
            ["logits", "probabilities"], {"image": pixels})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        module = torch.jit.load(str(path)).eval()

    def run(pixels):
        with torch.no_grad():
            return [part.numpy() for part in module(torch.from_numpy(pixels))]
    return run


def timm_base(state):
    """EfficientNet-Lite0 of timm without its classifier."""
    model = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    model.load_state_dict({key: value for key, value in state.items()
                           if not key.startswith("fits.")})
    return model


IMAGENET = ["--set", "model.weights=imagenet"]


class Export(SmokeCase):
    def export(self, workspace, trial, form, codes=(0,)):
        folder = Path(self.folder.name) / "exported"
        done = besom("export", trial, "-o", folder, "--format", form, "-w",
                     workspace)
        self.assertIn(done.returncode, codes, done.stderr)
        if done.returncode == 0:
            self.assertEqual(Path(done.stdout.strip()),
                             folder / ("model" + ENDINGS[form]))
        return done, folder

    def predicted(self, workspace, trial, images):
        done = besom("predict", trial, images, "--csv", "-w", workspace)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        return {row["path"]: [float(value) for key, value in row.items()
                              if key.startswith("probability_")]
                for row in rows}

    def check_probabilities(self, workspace, trial, images, size,
                            forms=("onnx", "torchscript"), limit=LIMIT):
        said = self.predicted(workspace, trial, images)
        self.assertGreater(numpy.ptp(list(said.values()), axis=0).max(), 0.01,
                           "images that differ")
        for form in forms:
            _, folder = self.export(workspace, trial, form)
            network = loaded(folder / ("model" + ENDINGS[form]))
            for file, wanted in said.items():
                logits, found = network(pixels_of(file, size))
                for ours, other in zip(wanted, found[0]):
                    self.assertAlmostEqual(ours, float(other), delta=limit,
                                           msg=f"{form} {file}")
                self.assertEqual(logits[0].argmax(), numpy.argmax(wanted))

    def test_all_formats_say_what_predict_says(self):
        images, data = self.draw_images({"dark": 60, "bright": 180}, 12, 80)
        workspace = self.run_smoke(
            self.workspace(), *data, *IMAGENET, "--set",
            "parameters={model.unfreeze: {values: [none, block7, all]}}",
            "--set", "train.base_learning_rate=1.0e-3")
        for (trial,) in select(workspace, "select trial from trials"):
            self.check_probabilities(workspace, trial, images, 64)

    def test_cuts_and_poolings(self):
        images, data = self.draw_images({"dark": 60, "bright": 180}, 8)
        workspace = self.run_smoke(
            self.workspace(), *data, *IMAGENET, "--set", "parameters={}",
            "--set", "parameters.model.cut={values: [block2, full]}", "--set",
            "parameters.model.pooling={values: [max, average4, flatten]}",
            "--set", "constraints=['not (model.cut == \"full\" and "
            "model.pooling == \"average4\")']")
        trials = select(workspace, "select trial from trials")
        self.assertEqual(len(trials), 5)
        for (trial,) in trials:
            self.check_probabilities(workspace, trial, images, 64)

    def test_several_fits_are_one_network(self):
        images, data = self.draw_images({"dark": 60, "bright": 180}, 12)
        workspace = self.run_smoke(
            self.workspace(), *data, *IMAGENET, "--set",
            "split={folds: 3, test: 0.2}",
            "--set", "parameters={model.unfreeze: {values: [none, head]}}")
        for (trial,) in select(workspace, "select trial from trials"):
            self.check_probabilities(workspace, trial, images, 64)
            _, folder = self.export(workspace, trial, "safetensors")
            tensors = load_file(folder / "model.safetensors")
            for fit in range(3):
                self.assertIn(f"fits.{fit}.head.0.weight", tensors)
            self.assertIn("conv_stem.weight", tensors)
            facts = json.loads((folder / "model.json").read_text())
            self.assertEqual([fit["fold"] for fit in facts["fits"]], [0, 1, 2])

    def test_a_base_of_ones_own(self):
        class Base(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 8, 3, stride=2)

            def forward(self, images):
                return torch.relu(self.conv(images))

        images, data = self.draw_images({"dark": 60, "bright": 180}, 8, 32)
        file = Path(self.folder.name) / "own.pt"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.script(Base()).save(str(file))
        workspace = self.run_smoke(
            self.workspace(), *data, "--set", "parameters={}", "--set",
            f"model.backbone={{torchscript: {file}}}", "--set",
            "model.weights=imagenet", "--set", "ingest.image_size=32",
            "--set", "train.epochs=20", "--set", "train.learning_rate=0.01")
        self.check_probabilities(workspace, "best", images, 32,
                                 forms=["torchscript"])
        for form in "onnx", "safetensors":
            done, _ = self.export(workspace, "best", form, codes=(2,))
            self.assertIn("TorchScript", done.stderr)
            self.assertIn("--format torchscript", done.stderr)

    def test_real_images_and_weights(self):
        """X-rays of any size through VGG16 (its pixels BGR, less means) and
        EfficientNet-Lite0."""
        workspace = self.workspace()
        done = besom(
            "run", EXAMPLES / "covid-xray.yaml", "-w", workspace,
            "--set", "ingest.limit_per_class=8", "--set", "train.epochs=2",
            "--set", "augment.views=0", "--set", "evaluate.external=[]",
            "--set", "parameters.model.head={values: [[32]]}",
            "--set", "parameters.model.dropout={values: [0.3]}")
        self.assertEqual(done.returncode, 0, done.stderr)
        images = Path(self.folder.name) / "xrays"
        for label in "NORMAL", "PNEUMONIA":
            (images / label).mkdir(parents=True)
            files = sorted((SHARED / "data/xray/chest_xray/test" / label)
                           .iterdir())[:4]
            for file in files:
                (images / label / file.name).symlink_to(file)
        # One that is decoded at a half.
        Image.effect_noise((960, 1000), 90).save(images / "large.jpeg")
        trials = select(workspace, "select trial, backbone from trials")
        self.assertEqual({backbone for _, backbone in trials},
                         {"vgg16", "efficientnet_lite0"})
        for trial, _ in trials:
            self.check_probabilities(workspace, trial, images, 224)

    def test_bf16_is_exported_as_fp32_with_the_difference(self):
        if not self.has_bf16():
            return
        images, data = self.draw_images({"dark": 60, "bright": 180}, 12)
        workspace = self.run_smoke(
            self.workspace(), *data, *IMAGENET, "--set",
            "model.precision=bf16", "--set", "split={folds: 2, test: 0.2}")
        _, folder = self.export(workspace, "best", "torchscript")
        facts = json.loads((folder / "model.json").read_text())
        self.assertEqual(facts["precision"]["features"], "bf16")
        (trial,), = select(
            workspace, "select trial from leaderboard where rank = 1")
        # By Python: the first fit alone.
        self.export(workspace, "best", "safetensors")
        head = {key.removeprefix("fits.0."): value for key, value in load_file(
            folder / "model.safetensors").items() if key.startswith("fits.0.")}
        base = timm_base(load_file(folder / "model.safetensors"))
        gap = []
        for image, text in select(
                workspace, "select image, probabilities from predictions "
                f"where trial = '{trial}' and fold = 0 and split <> 'train'"):
            pixels = pixels_of(images / image.removeprefix("files/"), 64)
            with torch.no_grad():
                rows = base(torch.from_numpy(pixels / 127.5 - 1).float())
                for layer in range(len(head) // 2):
                    rows = torch.relu(rows) if layer else rows
                    rows = nn.functional.linear(
                        rows, head[f"head.{layer}.weight"],
                        head[f"head.{layer}.bias"])
            gap.append(abs(rows.softmax(1)[0].numpy()
                           - numpy.array(json.loads(text))))
        said = facts["precision"]["difference"]
        self.assertEqual(said["images"], len(gap))
        self.assertAlmostEqual(said["largest"], numpy.max(gap), delta=LIMIT)
        self.assertAlmostEqual(said["mean"], numpy.mean(gap), delta=LIMIT)
        self.assertGreater(said["largest"], 0)
        self.assertIn("computed in bf16",
                      (folder / "MODEL_CARD.md").read_text())

    def test_what_is_told_of_the_model(self):
        images, data = self.draw_images({"dark": 60, "bright": 180}, 12)
        # A threshold that decides otherwise than the largest probability.
        workspace = self.run_smoke(
            self.workspace(), *data, "--set",
            "evaluate.threshold.target=recall/dark >= 0.5")
        _, folder = self.export(workspace, "best", "safetensors")
        facts = json.loads((folder / "model.json").read_text())
        ((trial, value, test),) = select(
            workspace,
            "select trial, value, test_value from leaderboard where rank = 1")
        self.assertEqual(facts["trial"], trial)
        self.assertEqual(facts["classes"], ["dark", "bright"])
        self.assertEqual(facts["metrics"]["test"]["balanced_accuracy"]["value"],
                         test)
        self.assertEqual(facts["input"]["size"], 64)
        card = (folder / "MODEL_CARD.md").read_text()
        for text in ("Not for diagnosis", trial, "## Data", "## Split",
                     "## Training", "## Figures", "## Audit",
                     "## Limits", "optimistic", f"{value:.4f}",
                     "Confusion matrix"):
            self.assertIn(text, card)
        for text in card, json.dumps(facts):
            self.assertNotIn(str(self.folder.name), text)
        self.check_card_figures(workspace, trial, card, facts)
        # What the audit of this sweep has found, as `best` says it.
        audit = card.split("## Audit")[1].split("## Limits")[0]
        alarms, = select(workspace, "select count(*) from audit where alarm")[0]
        self.assertEqual("- An alarm: " in audit, alarms > 0, audit)
        self.assertEqual("- No alarm: " in audit, alarms == 0, audit)
        said = besom("best", "-w", workspace).stdout.split("shortcut audit\n")
        for line in said[1].split("\n\n")[0].splitlines():
            self.assertIn(f"- {line.strip()}.\n", audit)
        # The numbers of the matrix are the database's.
        for (count,) in select(
                workspace, "select count from confusion_matrix where trial = "
                f"'{trial}' and split = 'test' and actual = 'dark' and "
                "predicted = 'dark'"):
            self.assertRegex(card, rf"\| *dark *\| *{count} *\|")

    def check_card_figures(self, workspace, trial, card, facts):
        """Values and intervals of the card are those of the view."""
        part = card.split("### test\n")[1].split("###")[0]
        by_threshold = part.split("By the threshold:")[1]
        rows = select(
            workspace, "select rule, name || coalesce('/' || class, ''), "
            "value, low, high, method, n_groups from metrics where trial = "
            f"'{trial}' and split = 'test' and epoch is null and class = "
            "'dark' and name in ('recall', 'specificity')")
        self.assertEqual(len(rows), 4)
        for rule, name, value, low, high, method, n in rows:
            numbers = [f"{v:.4f}" for v in (value, low, high)]
            row = r" *\| *".join([name, *numbers, method, str(n)])
            self.assertRegex(part.split("By the threshold:")[0]
                             if rule == "largest" else by_threshold,
                             rf"\| *{row} *\|")
            if rule == "largest":
                figure = facts["metrics"]["test"][name]
                self.assertEqual([figure[key] for key in (
                    "value", "low", "high", "method", "n_groups")],
                    [value, low, high, method, n])

    def test_a_sweep_without_audit_says_so_in_the_card(self):
        images, data = self.draw_images({"dark": 60, "bright": 180}, 8)
        workspace = self.run_smoke(self.workspace(), *data, "--set",
                                   "evaluate.audit=false")
        _, folder = self.export(workspace, "best", "safetensors")
        self.assertIn("## Audit\n\nNot run.\n",
                      (folder / "MODEL_CARD.md").read_text())

    def test_what_cannot_be_exported_is_refused_and_leaves_files_alone(self):
        images, data = self.draw_images({"dark": 60, "bright": 180}, 8)
        workspace = self.run_smoke(self.workspace(), *data)
        _, folder = self.export(workspace, "best", "onnx")
        before = {file.name: file.read_bytes() for file in folder.iterdir()}
        self.assertEqual(set(before), {"model.onnx", "model.json",
                                       "MODEL_CARD.md"})
        done, _ = self.export(workspace, "nosuch", "onnx", codes=(2,))
        self.assertIn("nosuch", done.stderr)
        done, _ = self.export(workspace, "best", "pickle", codes=(2,))
        self.assertIn("pickle", done.stderr)
        self.assertEqual(before, {file.name: file.read_bytes()
                                  for file in folder.iterdir()})
        # Equal models are equal bytes.
        self.export(workspace, "best", "onnx")
        self.assertEqual(before, {file.name: file.read_bytes()
                                  for file in folder.iterdir()})


if __name__ == "__main__":
    unittest.main()
