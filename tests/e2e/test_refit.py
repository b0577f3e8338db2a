"""`--refit`: one network, trained anew on all images of a trial's fits."""

import csv
import io
import json
import unittest
from pathlib import Path

import numpy

from besom_process import besom, select
from smoke_case import SmokeCase
from test_export import ENDINGS, LIMIT, loaded, pixels_of

NO_FIGURES = "no held-out figures of its own"
# On a frozen base, and with a part of it.
PARAMETERS = "parameters={model.unfreeze: {values: [none, head]}}"


class Refit(SmokeCase):
    def predicted(self, workspace, trial, images, *more):
        """Probabilities by the name of the file, and what stderr says."""
        done = besom("predict", trial, images, "--csv", "-w", workspace, *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertTrue(rows)
        return {row["path"]: [float(value) for key, value in row.items()
                              if key.startswith("probability_")]
                for row in rows}, done.stderr

    def farthest(self, a, b):
        self.assertEqual(a.keys(), b.keys())
        return max(abs(numpy.subtract(a[file], b[file])).max() for file in a)

    def epochs_of(self, workspace, trial):
        """As the option says, in plain words: how long the fits trained until
        what they kept, on average."""
        kept = [row[0] + 1 for row in select(
            workspace, f"select chosen_epoch from fits where trial='{trial}'")]
        return int(numpy.floor(numpy.mean(kept) + 0.5))

    def trained_on(self, workspace):
        """Names of the images by whether any fit trained or validated on
        them."""
        rows = select(workspace, "select source, path, group_concat(split) "
                      "from images where left_out is null group by 1, 2")
        names = {True: [], False: []}
        for source, path, sets in rows:
            fits = set(sets.split(","))
            names[bool(fits & {"train", "validation"})].append(
                f"{source}/{path}")
        return names

    def train_directly(self, workspace, trial, *settings):
        """A sweep of one trial as this one, on the same images at once."""
        names = self.trained_on(workspace)
        file = Path(self.folder.name) / f"split{self.workspaces}.csv"
        file.write_text("image,split\n" + "".join(
            [f"{name},train\n" for name in names[True]] +
            [f"{name},test\n" for name in names[False]]))
        [(model,)] = select(workspace, "select json_extract(config, "
                            f"'$.model.unfreeze') from trials where "
                            f"trial='{trial}'")
        other = self.run_smoke(
            self.workspace(), *settings, "--set",
            f"split={{file: {file}}}", "--set",
            f"train.epochs={self.epochs_of(workspace, trial)}",
            "--set", "metric={name: loss, split: train}",
            "--set", f"parameters={{model.unfreeze: {{values: [{model}]}}}}")
        [(direct,)] = select(other, "select trial from trials")
        return other, direct

    def check_refit(self, workspace, trial, images, *settings):
        """Its probabilities, which are not the mean's but those of the sweep
        that is trained on the same images."""
        mean, said = self.predicted(workspace, trial, images)
        self.assertNotIn(NO_FIGURES, said)
        refit, said = self.predicted(workspace, trial, images, "--refit")
        self.assertIn(NO_FIGURES, said)
        self.assertGreater(self.farthest(mean, refit), 1e-3)
        other, direct = self.train_directly(workspace, trial, *settings)
        same, _ = self.predicted(other, direct, images)
        self.assertLess(self.farthest(same, refit), 1e-6)
        return refit

    def actions(self, workspace):
        return select(workspace, "select key, finished from action order by 1")

    def test_folds_of_validation(self):
        images, data = self.draw_images({"dark": 100, "bright": 140}, 15)
        settings = [*data, "--set", "train.epochs=4", "--set",
                    "train.base_learning_rate=1.0e-3"]
        workspace = self.run_smoke(
            self.workspace(), *settings, "--set",
            "split={folds: 3, test: 0.2}", "--set", PARAMETERS)
        before = self.actions(workspace)
        for (trial,) in select(workspace, "select trial from trials"):
            refit = self.check_refit(workspace, trial, images, *settings)
            after = self.actions(workspace)
            again, _ = self.predicted(workspace, trial, images, "--refit")
            self.assertEqual(again, refit)
            self.assertEqual(self.actions(workspace), after)
            self.check_images(workspace)
            self.check_export(workspace, trial, refit)
        # The split of both refits is one.
        self.assertEqual(len(self.actions(workspace)), len(before) + 3)

    def check_images(self, workspace):
        [(digest,)] = select(workspace, "select b.digest from blob b join "
                             "action a using(key) where a.stage='refit_split'")
        table = json.loads((workspace / "store/blobs.v1" / digest[:2] /
                            digest).read_text())
        trained = {f"{entry['source']}/{entry['path']}"
                   for entry in table["entries"] if entry["sets"] == ["train"]}
        names = self.trained_on(workspace)
        self.assertTrue(names[False], "images of the test set")
        self.assertEqual(trained, set(names[True]))

    def check_export(self, workspace, trial, refit):
        folder = Path(self.folder.name) / "exported"
        for form in ("safetensors", "onnx"):
            done = besom("export", trial, "-o", folder, "--format", form, "-w",
                         workspace, "--refit")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(NO_FIGURES, done.stderr)
            facts = json.loads((folder / "model.json").read_text())
            self.assertEqual(facts["refit"]["epochs"],
                             self.epochs_of(workspace, trial))
            self.assertEqual(facts["refit"]["images"],
                             len(self.trained_on(workspace)[True]))
            card = (folder / "MODEL_CARD.md").read_text()
            self.assertIn("None of them is of the exported network", card)
        network = loaded(folder / ("model" + ENDINGS["onnx"]))
        for file, wanted in refit.items():
            _, found = network(pixels_of(file, 64))
            self.assertLess(abs(found[0] - wanted).max(), LIMIT)

    def test_folds_of_test_leave_no_image_out(self):
        images, data = self.draw_images({"dark": 100, "bright": 140}, 9)
        workspace = self.run_smoke(
            self.workspace(), *data, "--set",
            "split={folds: 3, test: 0, validation: 0.2}", "--set",
            "parameters={}")
        [(trial,)] = select(workspace, "select trial from trials")
        self.predicted(workspace, trial, images, "--refit")
        [(count,)] = select(workspace, "select json_extract(counters, "
                            "'$.images') from action where label like "
                            "'refit%' and stage = 'fine_tune'")
        self.assertEqual(count, 18)

    def test_a_single_fit_and_what_is_gone(self):
        images, data = self.draw_images({"dark": 100, "bright": 140}, 12)
        settings = [*data, "--set", "train.epochs=4", "--set",
                    "train.learning_rate=1.0e-2"]
        one = [*settings, "--set", "split={test: 0.2, validation: 0.3}",
               "--set", "parameters={model.unfreeze: {values: [none]}}"]
        workspace = self.run_smoke(self.workspace(), *one)
        [(trial,)] = select(workspace, "select trial from trials")
        # Views of the validation images were never asked for before.
        refit = self.check_refit(workspace, trial, images, *settings)
        done = besom("gc", "--max-size", "1", "-w", workspace)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = besom("predict", trial, images, "-w", workspace, "--refit")
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"--rerun {trial}", done.stderr)
        self.run_smoke(workspace, *one, "--rerun", trial)
        again, _ = self.predicted(workspace, trial, images, "--refit")
        self.assertEqual(again, refit)

    def test_a_schedule_that_asks_validation_images(self):
        images, data = self.draw_images({"dark": 100, "bright": 140}, 9)
        workspace = self.run_smoke(
            self.workspace(), *data, "--set", "parameters={}", "--set",
            "train.schedule=plateau")
        [(trial,)] = select(workspace, "select trial from trials")
        done = besom("predict", trial, images, "-w", workspace, "--refit")
        self.assertEqual(done.returncode, 2)
        self.assertIn("plateau", done.stderr)


if __name__ == "__main__":
    unittest.main()
