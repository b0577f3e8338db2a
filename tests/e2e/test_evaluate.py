"""A trial on real X-rays that its sweep does not name: the same rows as if the
sweep had named them.
"""

import random
import shutil
import signal
import tempfile
import unittest
from pathlib import Path

from PIL import Image

from besom_process import SHARED, besom, same_rows, select, start, wait_for

XRAY = SHARED / "data/xray/chest_xray"
SOURCE = """{{name: {name}, format: image_folder, path: {folder},
  labels: {{NORMAL: normal, PNEUMONIA: pneumonia}},
  group_pattern: '^(\\d+)_', patients: nih}}"""
SPEC = """
name: wards
seed: 7
ingest:
  classes: [normal, pneumonia]
  image_size: 64
  sources:
    - {{name: here, format: image_folder, path: {xray}/train,
       labels: {{NORMAL: normal, PNEUMONIA: pneumonia}},
       group_pattern: '^(\\d+)_', patients: nih}}
split: {{test: 0.2, validation: 0.2, folds: {folds}}}
model: {{backbone: efficientnet_lite0, weights: imagenet}}
train: {{epochs: 4, learning_rate: 0.01}}
evaluate:
  positive: pneumonia
  bootstrap: 200
  threshold: {{target: 'recall/pneumonia >= 0.8'}}
  external: [{external}]
metric: {{name: recall/pneumonia}}
parameters: {{model.dropout: {{values: {dropout}}}}}
"""
COLUMNS = {
    "metrics": "repeat, fold, class, name, rule, value, low, high, method, "
               "n_groups, sd",
    "confusion_matrix": "repeat, fold, actual, predicted, count",
    "classification_report": "repeat, fold, class, precision, recall, f1, "
                             "support",
    "predictions": "repeat, fold, replace(image, split, ''), actual, "
                   "predicted, probabilities",
    "curves": "class, kind, x, y, threshold",
}


class Evaluate(unittest.TestCase):
    def setUp(self):
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.folder = Path(kept.name)
        self.workspace = self.folder / "runs"

    def run_sweep(self, folds=1, external="", dropout="[0.2]"):
        spec = self.folder / "wards.yaml"
        spec.write_text(SPEC.format(xray=XRAY, folds=folds, external=external,
                                    dropout=dropout))
        done = besom("run", spec, "-w", self.workspace)
        self.assertEqual(done.returncode, 0, done.stderr)

    def evaluate(self, data, *more, code=0):
        done = besom("evaluate", "best", "-w", self.workspace, "--data", data,
                     *more)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def rows_of(self, name):
        rows = {view: sorted(map(repr, select(
            self.workspace, f"select {columns} from {view} where split = "
            f"'{name}'"))) for view, columns in COLUMNS.items()}
        rows["images"] = sorted(map(repr, select(
            self.workspace, "select path, label, patients, \"group\", repeat, "
            "fold, split is null, width, height, mode, content, "
            "left_out is null "
            f"from images where source = '{name}'")))
        return rows

    def check_as_if_named(self, folds):
        self.run_sweep(folds, SOURCE.format(name="named",
                                            folder=XRAY / "test"))
        before = same_rows(self.workspace)
        thresholds = select(self.workspace, "select * from thresholds")
        self.assertEqual(len(thresholds), 1 if folds == 1 else folds + 1)
        said = self.evaluate(SOURCE.format(name="later", folder=XRAY / "test"))
        self.assertIn("95 % intervals on later", said)
        self.assertEqual(select(self.workspace, "select * from thresholds"),
                         thresholds)
        self.assertIn("what later is taken for", said)
        named, later = self.rows_of("named"), self.rows_of("later")
        for view, rows in named.items():
            self.assertEqual(later[view], rows, view)
            self.assertGreater(len(rows), 1, view)
        left_out = [row for row in later["images"] if row.endswith(", 0)")]
        self.assertTrue(left_out, "no patient is in both folders")
        self.assertTrue(set(before.splitlines())
                        <= set(same_rows(self.workspace).splitlines()))
        return later

    def test_a_later_set_has_the_rows_of_a_named_one(self):
        later = self.check_as_if_named(folds=1)
        after = same_rows(self.workspace)
        self.evaluate(SOURCE.format(name="later", folder=XRAY / "test"))
        self.assertEqual(same_rows(self.workspace), after)
        # The sweep goes on, with one more trial.
        self.run_sweep(1, SOURCE.format(name="named", folder=XRAY / "test"),
                       "[0.2, 0.7]")
        self.assertEqual(self.rows_of("later"), later)

    def test_fits_of_folds_are_summed_up_as_of_a_named_set(self):
        self.check_as_if_named(folds=3)

    def plant(self):
        """A folder of a ward: strangers, copies of what is trained on (one
        turned), a file that is no image, and a folder that is no class."""
        ward = self.folder / "Ward 7"
        for name in ("Normal", "PNEUMONIA", "notes"):
            (ward / name).mkdir(parents=True)
        known = dict(select(
            self.workspace, "select path, split from images where "
            "split = 'train' and label = 'normal' order by path"))
        first, second = random.Random(3).sample(sorted(known), 2)
        shutil.copy(XRAY / "train" / first, ward / "Normal/copy.jpeg")
        with Image.open(XRAY / "train" / second) as image:
            image.convert("L").rotate(2, Image.Resampling.BILINEAR).save(
                ward / "Normal/turned.png")
        (ward / "Normal/broken.png").write_bytes(b"no image")
        with Image.open(XRAY / "train" / first) as image:
            image.save(ward / "notes/page.png")
        strangers = sorted((XRAY / "test/PNEUMONIA").iterdir())[:5]
        for path in strangers:
            shutil.copy(path, ward / "PNEUMONIA" / path.name)
        return ward, {path.name for path in strangers}

    def test_a_folder_is_labelled_by_its_names_and_copies_are_left_out(self):
        self.run_sweep()
        ward, strangers = self.plant()
        said = self.evaluate(ward)
        self.assertIn("Ward 7", said)
        images = {path: (label, left_out) for path, label, left_out in select(
            self.workspace, "select path, label, left_out from images where "
            "source = 'Ward 7'")}
        self.assertIn("duplicate", images["Normal/copy.jpeg"][1])
        self.assertIn("duplicate", images["Normal/turned.png"][1])
        self.assertTrue(images["Normal/broken.png"][1])
        used = {path for path, (_, left_out) in images.items() if not left_out}
        self.assertTrue(used <= {f"PNEUMONIA/{name}" for name in strangers})
        predicted = {path for path, in select(
            self.workspace, "select path from predictions where "
            "split = 'Ward 7'")}
        self.assertEqual(predicted, used)
        self.assertIn(f"{len(used)} images are used", said)
        # Without the pictures' thumbnails, equal files are still found.
        cleaned = besom("gc", "-w", self.workspace, "--max-size", "1")
        self.assertEqual(cleaned.returncode, 0, cleaned.stderr)

    def test_a_signal_stops_it_and_nothing_is_stored(self):
        self.run_sweep()
        before = same_rows(self.workspace)
        running = start(
            "evaluate", "best", "-w", self.workspace, "--data",
            "{name: drawn, format: phantom, images: 3000, size: 512, "
            "labels: {clear: normal, hazy: pneumonia, consolidation: null}}")
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)

        def listens():
            status = Path(f"/proc/{running.pid}/status").read_text()
            caught = status.split("SigCgt:")[1].split()[0]
            return int(caught, 16) >> (signal.SIGINT - 1) & 1
        wait_for(listens, 60, "a handler of SIGINT")
        running.send_signal(signal.SIGINT)
        self.assertEqual(running.wait(120), 3)
        self.assertIn("before anything was stored", running.stderr.read())
        self.assertEqual(same_rows(self.workspace), before)

    def test_the_name_of_a_set_stands_for_its_images(self):
        self.run_sweep(dropout="[0.2, 0.7]")
        ward, _ = self.plant()
        (other,), = select(self.workspace, "select trial from leaderboard "
                           "where rank = 2")
        self.evaluate(ward)
        before = same_rows(self.workspace)
        compared = besom("compare", "best", other, "-w", self.workspace,
                         "--tests", "--split", "Ward 7")
        self.assertIn("was not evaluated on this set",
                      compared.stdout + compared.stderr)
        unknown = besom("compare", "best", other, "-w", self.workspace,
                        "--tests", "--split", "nowhere")
        self.assertEqual(unknown.returncode, 2)
        self.assertIn("Ward 7", unknown.stderr)
        gone = ward / "PNEUMONIA" / sorted(
            path.name for path in (ward / "PNEUMONIA").iterdir())[0]
        kept = gone.read_bytes()
        gone.unlink()
        done = besom("evaluate", other, "-w", self.workspace, "--data", ward)
        self.assertEqual(done.returncode, 2)
        self.assertIn("another name", done.stderr)
        self.assertEqual(same_rows(self.workspace), before)
        gone.write_bytes(kept)
        done = besom("evaluate", other, "-w", self.workspace, "--data", ward)
        self.assertEqual(done.returncode, 0, done.stderr)
        compared = besom("compare", "best", other, "-w", self.workspace,
                         "--tests", "--split", "Ward 7")
        self.assertNotIn("not evaluated", compared.stdout)

    def test_a_set_without_an_image_is_an_error(self):
        self.run_sweep()
        before = same_rows(self.workspace)
        bad = self.folder / "bad"
        for name, content in (("normal/x.png", b"junk"),
                              ("pneumonia/y.jpg", b"")):
            path = bad / name
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
        said = self.evaluate(bad, code=2)
        self.assertIn("the file is empty", said)
        self.assertEqual(same_rows(self.workspace), before)

    def test_what_is_wrong_stores_nothing(self):
        self.run_sweep()
        before = same_rows(self.workspace)
        bare = self.folder / "bare"
        (bare / "x").mkdir(parents=True)
        for data, word in (
                (bare, "called like a class"),
                (self.folder / "none.yaml", "none.yaml"),
                ("{name: w, format: image_folder, path: nowhere}", "nowhere"),
                (SOURCE.format(name="test", folder=XRAY / "test"),
                 "cannot be called"),
                (SOURCE.format(name="here", folder=XRAY / "test"),
                 "two sources"),
                (f"{{name: w, format: image_folder, path: {XRAY}/test, "
                 "labels: {NORMAL: norml}}", "did you mean `normal`"),
                ("words", "map of keys")):
            self.assertIn(word, self.evaluate(data, code=2), data)
        self.assertIn("folder", self.evaluate("{name: w}", "--name", "x",
                                              code=2))
        self.assertEqual(same_rows(self.workspace), before)
        self.assertFalse(select(self.workspace, "select * from events where "
                                "kind = 'evaluated'"))


if __name__ == "__main__":
    unittest.main()
