"""The errors of a trial, listed and drawn."""

import csv
import io
import json
import unittest
from pathlib import Path

import numpy
from PIL import Image

from besom_process import besom, select
from smoke_case import SmokeCase


class Mistakes(SmokeCase):
    def setUp(self):
        super().setUp()
        # Noise of equal levels: nothing to learn, so there are errors.
        self.images, self.data = self.draw_images({"a": 120, "b": 120}, 15)

    def mistakes(self, workspace, *arguments, codes=(0,)):
        done = besom("mistakes", *arguments, "-w", workspace)
        self.assertIn(done.returncode, codes, done.stderr)
        return done

    def rows(self, workspace, *arguments):
        done = self.mistakes(workspace, *arguments, "-f", "csv")
        return list(csv.DictReader(io.StringIO(done.stdout)))

    def wrong(self, workspace, trial, split):
        """What is listed, from the view."""
        found = []
        for image, actual, predicted, text in select(
                workspace, "select image, actual, predicted, probabilities "
                f"from predictions where trial = '{trial}' and split = "
                f"'{split}' and actual <> predicted"):
            ours = dict(zip("ab", json.loads(text)))
            found.append((ours[predicted], image, actual, predicted,
                          ours[actual]))
        return sorted(found, key=lambda row: (-row[0], row[1]))

    def test_the_most_confident_come_first(self):
        workspace = self.run_smoke(self.workspace(), *self.data)
        trials = [trial for trial, in select(workspace,
                                             "select trial from trials")]
        for trial in trials:
            wanted = self.wrong(workspace, trial, "test")
            rows = self.rows(workspace, trial, "-n", "0")
            self.assertEqual(
                [(float(row["probability"]), row["image"], row["actual"],
                  row["predicted"], float(row["probability_of_actual"]))
                 for row in rows], wanted)
            self.assertEqual(
                [row["image"] for row in self.rows(workspace, trial, "-n", "2")],
                [row[1] for row in wanted[:2]])
        self.assertTrue(wanted)
        text = self.mistakes(workspace, trial).stdout
        self.assertIn(f"wrong about {len(wanted)} of 6 images of test", text)
        listed = json.loads(self.mistakes(workspace, trial, "-f",
                                          "json").stdout)
        self.assertEqual(len(listed), len(wanted))

    def test_fits_are_told_apart(self):
        workspace = self.run_smoke(self.workspace(), *self.data, "--set",
                                   "split={folds: 3, test: 0.2}")
        rows = self.rows(workspace, "best", "-n", "0")
        trial, = select(workspace, "select trial from leaderboard "
                        "where rank = 1")[0]
        self.assertEqual(len(rows), len(self.wrong(workspace, trial, "test")))
        self.assertGreater(len({row["fold"] for row in rows}), 1)

    def test_the_sheet_shows_the_pixels_that_the_network_saw(self):
        workspace = self.run_smoke(self.workspace(), *self.data)
        sheet = Path(self.folder.name) / "sheet.png"
        first = self.rows(workspace, "best", "-o", sheet)[0]
        page = numpy.asarray(Image.open(sheet))
        picture = Image.open(self.images / first["image"].removeprefix("files/"))
        # 64 pixels in 168: each repeated, from the margin on.
        at = 8 + numpy.arange(168)
        shown = page[8:176, 8:176, 0]
        self.assertTrue((shown == numpy.asarray(picture)[
            (at[:, None] - 8) * 64 // 168, (at[None] - 8) * 64 // 168]).all())

    def test_an_unknown_set_is_refused_with_those_that_there_are(self):
        workspace = self.run_smoke(self.workspace(), *self.data)
        done = self.mistakes(workspace, "best", "--split", "nosuch",
                             codes=(2,))
        self.assertIn("test, validation", done.stderr)


if __name__ == "__main__":
    unittest.main()
