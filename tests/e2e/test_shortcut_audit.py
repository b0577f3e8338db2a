"""The shortcut audit: what it says of real X-rays and of planted markers."""

import json
import tempfile
import unittest
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score

from besom_process import EXAMPLES, besom, select

# The example on one base and head: the audit looks at the data, not at them.
XRAY = [EXAMPLES / "covid-xray.yaml",
        "--set", "parameters.model.backbone={values: [efficientnet_lite0]}",
        "--set", "parameters.model.head={values: [[32]]}",
        "--set", "parameters.model.dropout={values: [0.3]}",
        "--set", "augment.views=0", "--set", "train.epochs=10"]
PHANTOM = """
name: phantoms
seed: {seed}
ingest:
  classes: [clear, consolidation, hazy]
  image_size: 64
  sources:
    - {{name: p, format: phantom, images: 120, images_per_patient: 2, size: 96,
       seed: {seed}{marker}}}
augment: {{views: 0}}
model: {{backbone: efficientnet_lite0, weights: random}}
train: {{epochs: 2}}
method: grid
metric: {{name: balanced_accuracy}}
parameters: {{model.head: {{values: [[16]]}}}}
"""


def audit_of(workspace):
    """What the audit stage left in the store."""
    digest = select(workspace, "select digest from blob join action "
                    "using (key) where stage = 'audit'")[0][0]
    store = Path(workspace) / "store/blobs.v1"
    return json.loads((store / digest[:2] / digest).read_text())


def rows_of(workspace, probe):
    return {(a, b): row for a, b, *row in select(
        workspace, "select class_a, class_b, balanced_accuracy, low, high, "
        f"bound, alarm from audit where probe = '{probe}'")}


class RealXrays(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.workspace = Path(cls.folder.name) / "runs"
        cls.done = besom("run", *XRAY, "-w", cls.workspace, timeout=1200)
        assert cls.done.returncode == 0, cls.done.stderr

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_covid_alarms_at_the_end_of_the_run(self):
        alarms = [line for line in self.done.stdout.splitlines()
                  if line.startswith("shortcut audit: An alarm")]
        self.assertTrue(any("the border of the image alone tells covid from"
                            in line for line in alarms), self.done.stdout)

    def test_the_border_and_the_files_tell_covid_from_both_other_classes(self):
        for probe in ("file", "ring"):
            rows = rows_of(self.workspace, probe)
            for other in ("normal", "pneumonia"):
                value, low, high, bound, alarm = rows["covid", other]
                self.assertEqual(alarm, 1, (probe, other))
                self.assertTrue(0.5 < bound <= low < value <= high)

    def test_a_blurred_image_never_alarms(self):
        rows = rows_of(self.workspace, "blur")
        self.assertEqual(len(rows), 4)
        for value, _, _, bound, alarm in rows.values():
            self.assertEqual((bound, alarm), (None, 0))

    def test_the_source_of_covid_is_said_separately(self):
        images = select(self.workspace, "select count(*) from images where "
                        "label = 'covid' and split is not null")[0][0]
        own = select(self.workspace,
                     "select class, source, images, of_images from own_sources")
        self.assertEqual(own, [("covid", "cohen", images, images)])
        self.assertIn(f"All {images} images of covid come from cohen",
                      self.done.stdout)

    def test_the_report_and_best_say_it_too(self):
        page = Path(self.folder.name) / "report.html"
        besom("report", "-o", page, "-w", self.workspace)
        text = page.read_text()
        self.assertIn("Shortcut audit", text)
        self.assertIn("An alarm: the border of the image alone tells covid "
                      "from normal", text)
        self.assertIn("All", text.split("Shortcut audit")[1])
        best = besom("best", "-w", self.workspace).stdout
        self.assertIn("An alarm: the border of the image alone", best)

    def test_figures_are_scikit_learns_of_the_out_of_fold_predictions(self):
        audit = audit_of(self.workspace)
        classes = audit["classes"]
        actual = np.array([image[2] for image in audit["images"]])
        group = np.array([image[3] for image in audit["images"]])
        fold = np.array([image[4] for image in audit["images"]])
        self.assertEqual(audit["folds"], 5)
        for patient in set(group):
            self.assertEqual(len(set(fold[group == patient])), 1)
        self.assertEqual(len(actual), select(
            self.workspace, "select count(*) from images where split in "
            "('train', 'validation', 'test')")[0][0])
        for probe in audit["probes"]:
            told = np.array(probe["probabilities"]).reshape(len(actual), -1)
            np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-9)
            rows = rows_of(self.workspace, probe["name"])
            for (a, b), row in rows.items():
                among = (range(len(classes)) if a is None
                         else [classes.index(a), classes.index(b)])
                among = np.array(among)
                mine = np.isin(actual, among)
                predicted = among[told[mine][:, among].argmax(axis=1)]
                self.assertAlmostEqual(
                    row[0], balanced_accuracy_score(actual[mine], predicted),
                    places=12)
                self.check_interval(row, predicted == actual[mine],
                                    actual[mine], group[mine])

    def check_interval(self, row, right, actual, group):
        """By a bootstrap of patients, each class by itself."""
        random = np.random.default_rng(1)
        draws = np.zeros(2000)
        for cls in set(actual):
            hits, of = right[actual == cls], group[actual == cls]
            names, index = np.unique(of, return_inverse=True)
            sizes = np.bincount(index)
            sums = np.bincount(index, weights=hits)
            drawn = random.integers(0, len(names), (len(draws), len(names)))
            draws += sums[drawn].sum(1) / sizes[drawn].sum(1)
        deviation = (draws / len(set(actual))).std()
        value, low, high = row[:3]
        # The heads of five folds share their images: 1.5 times as wide.
        wanted = 1.5 * 2 * 1.96 * deviation
        self.assertLess(low, value)
        self.assertLessEqual(value, high)
        if 0.02 < value < 0.98 and high < 1:
            self.assertAlmostEqual((high - low) / wanted, 1, delta=0.3)

    def test_trials_are_the_same_without_it(self):
        planned = json.loads(besom(
            "plan", *XRAY, "--json", "--set", "evaluate.audit=false", "-w",
            self.workspace).stdout)
        stages = {stage["stage"]: stage for stage in planned["stages"]}
        self.assertEqual(stages["audit"]["tasks"], 0)
        for stage in stages.values():
            self.assertEqual(stage["tasks"], stage["done"], stage["stage"])

    def test_a_second_run_computes_nothing_and_says_the_same(self):
        attempts = select(self.workspace, "select count(*) from attempts")
        again = besom("run", *XRAY, "-w", self.workspace)
        self.assertIn("nothing to do", again.stdout)
        audit = [line for line in self.done.stdout.splitlines()
                 if line.startswith("shortcut audit")]
        self.assertEqual(audit, again.stdout.splitlines()[1:])
        self.assertEqual(select(self.workspace,
                                "select count(*) from attempts"), attempts)


class Phantoms(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def run_phantoms(self, seed, marker="", *more):
        spec = Path(self.folder.name) / f"{seed}{bool(marker)}.yaml"
        spec.write_text(PHANTOM.format(seed=seed, marker=marker))
        workspace = spec.with_suffix("")
        done = besom("run", spec, "-w", workspace, *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return workspace, done.stdout

    def test_a_planted_marker_alarms(self):
        workspace, said = self.run_phantoms(5, ", marker: {hazy: 1}")
        alarms = select(workspace, "select count(*) from audit where "
                        "probe = 'ring' and alarm = 1")[0][0]
        self.assertGreater(alarms, 0)
        self.assertIn("An alarm: the border of the image alone", said)

    def test_clean_phantoms_do_not_alarm(self):
        for seed in (5, 6, 7):
            workspace, said = self.run_phantoms(seed)
            self.assertEqual(select(workspace, "select count(*) from audit "
                                    "where alarm is not 0")[0][0], 0)
            self.assertIn("shortcut audit: No alarm", said)

    def test_before_a_trial_is_done_the_alarm_is_unknown(self):
        workspace, said = self.run_phantoms(5, ", marker: {hazy: 1}",
                                            "--until", "audit")
        self.assertIn("there is no model to compare with yet", said)
        rows = select(workspace, "select bound > chance, alarm from audit "
                      "where probe = 'ring'")
        self.assertIn((1, None), rows)
        self.assertNotIn(1, [alarm for _, alarm in rows])

    def test_ranks_and_threads_change_no_bit(self):
        one, _ = self.run_phantoms(8, ", marker: {hazy: 0.5}", "--until",
                                   "audit")
        spec = Path(self.folder.name) / "8True.yaml"
        two = Path(self.folder.name) / "two"
        besom("run", spec, "-w", two, "-n", "2", "--set",
              "resources.threads_per_rank=1")
        self.assertEqual(audit_of(one), audit_of(two))


if __name__ == "__main__":
    unittest.main()
