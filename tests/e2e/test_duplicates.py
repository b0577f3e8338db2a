"""Copies of real X-rays, planted: no set shares a picture with another."""

import json
import random
import tempfile
import unittest
from pathlib import Path

from PIL import Image

from besom_process import SHARED, besom, select

XRAY = SHARED / "data/xray/chest_xray"
SPEC = """
name: planted
seed: {seed}
ingest:
  classes: [normal, pneumonia]
  image_size: 64
  duplicates: {duplicates}
  sources:
    - {{name: here, format: image_folder, path: {folder}/here,
       labels: {{NORMAL: normal, PNEUMONIA: pneumonia}}}}
split: {{test: 0.2, validation: 0.2}}
model: {{backbone: efficientnet_lite0, weights: random}}
train: {{epochs: 1}}
evaluate:
  positive: pneumonia
  external:
    - {{name: there, format: image_folder, path: {folder}/there,
       labels: {{NORMAL: normal, PNEUMONIA: pneumonia}}}}
metric: {{name: recall/pneumonia}}
parameters: {{model.dropout: {{values: [0.5]}}}}
"""


def turned(image):
    return image.rotate(2, Image.Resampling.BILINEAR), 90


def cropped(image):
    width, height = image.size
    dx, dy = round(width * 0.02), round(height * 0.02)
    return image.crop((dx, dy, width - dx, height - dy)), 90


def rescaled(image):
    return image.resize((image.width * 3 // 5, image.height * 3 // 5)), 90


def encoded(image):
    return image, 40


KINDS = (turned, cropped, rescaled, encoded)


class PlantedDuplicates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kept = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.kept.name)
        rng = random.Random(4)
        cls.copies = []  # (path of the copy, path of the original)
        for label in ("NORMAL", "PNEUMONIA"):
            patients = {}
            for path in sorted((XRAY / "train" / label).iterdir()):
                patients.setdefault(path.name.split("_")[0], path)
            chosen = rng.sample(sorted(patients.values()), 40)
            for path in chosen:
                cls.save(f"here/{label}/{path.name}", path)
            for number, path in enumerate(chosen[:12]):
                kind = KINDS[number % 4]
                name = f"{label}/{rng.randrange(10 ** 6):06d}.jpg"
                cls.save(f"here/{name}", path, kind)
                cls.copies.append((name, f"{label}/{path.name}"))
            other = "PNEUMONIA" if label == "NORMAL" else "NORMAL"
            cls.save(f"here/{other}/mislabelled.jpg", chosen[20], turned)
            cls.mislabelled = getattr(cls, "mislabelled", []) + [
                f"{other}/mislabelled.jpg", f"{label}/{chosen[20].name}"]
            for number, path in enumerate(chosen[24:32]):
                cls.save(f"there/{label}/copy{number}.jpg", path,
                         KINDS[number % 4])
            stranger = next(p for p in sorted((XRAY / "test" / label).iterdir())
                            if p.name.split("_")[0] not in patients)
            cls.save(f"there/{label}/stranger.jpg", stranger)
            cls.external = getattr(cls, "external", {}) | {
                f"{label}/copy{number}.jpg": f"{label}/{path.name}"
                for number, path in enumerate(chosen[24:32])}

    @classmethod
    def tearDownClass(cls):
        cls.kept.cleanup()

    @classmethod
    def save(cls, name, path, kind=None):
        target = cls.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if kind is None:
            target.write_bytes(path.read_bytes())
            return
        with Image.open(path) as image:
            copy, quality = kind(image.convert("L"))
        copy.save(target, quality=quality)

    def data(self, workspace, seed=1, duplicates="group"):
        spec = self.folder / f"{duplicates}{seed}.yaml"
        spec.write_text(SPEC.format(seed=seed, duplicates=duplicates,
                                    folder=self.folder))
        return besom("data", spec, "-w", self.folder / workspace)

    def images(self, workspace):
        rows = select(self.folder / workspace, "select source, path, split, "
                      "left_out, duplicate_of from images")
        return {(source, path): rest for source, path, *rest in rows}

    def test_copies_stand_with_their_originals(self):
        apart = 0
        for seed in range(4):
            workspace = f"group{seed}"
            done = self.data(workspace, seed)
            self.assertEqual(done.returncode, 0, done.stderr)
            images = self.images(workspace)
            for copy, original in self.copies:
                split, left_out, _ = images["here", copy]
                self.assertIsNone(left_out)
                self.assertEqual(split, images["here", original][0], copy)
            for path, original in self.external.items():
                split, left_out, _ = images["there", path]
                seen = images["here", original][0] in ("train", "validation")
                self.assertEqual(split is None, seen, (path, left_out))
                apart += not seen
            for label in ("NORMAL", "PNEUMONIA"):
                stranger = images["there", f"{label}/stranger.jpg"]
                self.assertEqual(stranger[0], "there")
        self.assertGreater(apart, 0)  # Some stayed, with tested originals.

    def test_duplicates_of_other_labels_are_left_out_and_listed(self):
        done = self.data("labels")
        self.assertEqual(done.returncode, 0, done.stderr)
        images = self.images("labels")
        for path in self.mislabelled:
            split, left_out, other = images["here", path]
            self.assertIsNone(split)
            self.assertIn("duplicate of another label", left_out)
            self.assertIn(other.removeprefix("here/"), self.mislabelled)
            self.assertIn(f"here/{path}", done.stdout)
        for assertion in ("no group on two sides",
                          "no duplicate pair on two sides",
                          "no external image was trained on",
                          "every class in every part",
                          "shares within tolerance"):
            self.assertIn(f"{assertion}: holds", done.stdout)

    def test_the_receipt_names_every_planted_pair(self):
        done = self.data("receipt")
        self.assertEqual(done.returncode, 0, done.stderr)
        receipt = json.loads(
            (self.folder / "receipt/logs/planted.split.json").read_text())
        pairs = {frozenset(p["images"]): p for p in
                 receipt["duplicates"]["pairs"]}
        for copy, original in self.copies:
            pair = pairs[frozenset((f"here/{copy}", f"here/{original}"))]
            self.assertEqual(pair["kind"], "near")
            self.assertGreaterEqual(pair["correlation"], 0.92)
        self.assertEqual(len(pairs), 24 + 2 + 16)

    def test_drop_keeps_one_and_error_names_the_pair(self):
        done = self.data("drop", duplicates="drop")
        self.assertEqual(done.returncode, 0, done.stderr)
        images = self.images("drop")
        for copy, original in self.copies:
            used = [p for p in (copy, original) if images["here", p][0]]
            self.assertEqual(len(used), 1)
            (gone,) = {copy, original} - set(used)
            self.assertEqual(images["here", gone][1],
                             f"duplicate (of here/{used[0]})")
        done = self.data("error", duplicates="error")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("near-duplicate", done.stderr)

    def test_ranks_find_what_one_process_finds(self):
        self.assertEqual(self.data("alone", 3).returncode, 0)
        done = besom("run", self.folder / "group3.yaml", "--until", "split",
                     "-n", "2", "-w", self.folder / "ranks")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.images("ranks"), self.images("alone"))

    def test_a_second_split_searches_nothing(self):
        self.assertEqual(self.data("twice", 1).returncode, 0)
        self.assertEqual(self.data("twice", 2).returncode, 0)
        tasks = select(self.folder / "twice", "select count(*) from attempts "
                       "where stage = 'duplicates'")
        self.assertEqual(tasks, [(1,)])


if __name__ == "__main__":
    unittest.main()
