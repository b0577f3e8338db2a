"""A sweep over real chest X-rays, and what the reading verbs say of it."""

import csv
import io
import json
import tempfile
import unittest
from pathlib import Path

from sklearn.metrics import classification_report, confusion_matrix

from besom_process import EXAMPLES, SHARED, besom, same_rows, select

# The example on one base, few epochs: enough to learn, quick enough to test.
QUICK = ["--set", "parameters.model.backbone={values: [efficientnet_lite0]}",
         "--set", "parameters.model.head={values: [[32]]}",
         "--set", "augment.views=1", "--set", "train.epochs=10",
         "--set", "evaluate.predictions=all"]
XRAY = SHARED / "data/xray"


class XraySweep(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.workspace = Path(cls.folder.name) / "runs"
        done = besom("run", EXAMPLES / "covid-xray.yaml", "-n", "2", "-w",
                     cls.workspace, *QUICK, timeout=1200)
        assert done.returncode == 0, done.stderr

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def verb(self, *arguments):
        done = besom(*arguments, "-w", self.workspace)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def predictions(self, trial, split):
        rows = select(self.workspace, "select actual, predicted from predictions "
                      f"where trial = '{trial}' and split = '{split}'")
        return [r[0] for r in rows], [r[1] for r in rows]

    def best(self):
        return select(self.workspace,
                      "select trial from leaderboard where rank = 1")[0][0]

    def test_three_trials_are_done_and_matrices_hold_their_sets(self):
        states = select(self.workspace, "select state from trials")
        self.assertEqual(states, [("done",)] * 3)
        sets = dict(select(self.workspace, "select split, count(*) from images "
                           "where left_out is null group by split"))
        self.assertEqual(set(sets), {"train", "validation", "test", "nih-test"})
        for trial, split, total in select(
                self.workspace, "select trial, split, sum(count) from "
                "confusion_matrix group by trial, split"):
            self.assertEqual(total, sets[split])

    def test_what_was_left_out_is_listed_with_its_reason(self):
        reasons = dict(select(
            self.workspace, "select path, left_out from images "
            "where source = 'cohen' and left_out is not null"))
        self.assertTrue(any("ciaa199.pdf-001-c.png" in p for p in reasons))
        missing = select(self.workspace, "select count(*) from images where "
                         "source = 'cohen' and left_out like '%no such file%'")
        self.assertEqual(missing, [(37,)])

    def test_patients_of_the_external_set_never_trained(self):
        leaks = select(self.workspace, """
            select count(*) from images e join images t
              on t.patients = e.patients and t."group" = e."group"
            where e.source = 'nih-test' and e.left_out is null
              and t.source = 'nih' and t.split in ('train', 'validation')""")
        self.assertEqual(leaks, [(0,)])
        excluded = select(self.workspace, "select count(*) from images where "
                          "source = 'nih-test' and left_out is not null")[0][0]
        self.assertGreaterEqual(excluded, 1)

    def test_no_patient_stands_on_two_sides(self):
        sides = select(self.workspace, """
            select patients, "group", count(distinct split) from images
            where left_out is null and source in ('cohen', 'nih')
            group by 1, 2 having count(distinct split) > 1""")
        self.assertEqual(sides, [])

    def test_the_best_trial_beats_constant_answers(self):
        value, accuracy = select(
            self.workspace, "select value, accuracy from leaderboard "
            "where rank = 1")[0]
        self.assertGreater(value, 0.5)
        counts = select(self.workspace, "select count(*) from images where "
                        "split = 'validation' and left_out is null "
                        "group by label")
        total = sum(c for (c,) in counts)
        self.assertGreater(accuracy, max(c for (c,) in counts) / total)

    def test_show_prints_scikit_learns_report(self):
        trial = self.best()
        shown = self.verb("show", trial)
        for split in ("train", "validation", "test"):
            actual, predicted = self.predictions(trial, split)
            report = classification_report(actual, predicted)
            self.assertIn(report.rstrip("\n"), shown, split)
        # The external set holds no covid: what it is taken for is told.
        actual, predicted = self.predictions(trial, "nih-test")
        taken = shown.split("what nih-test is taken for")[1].splitlines()
        rows = {" ".join(line.split()[:-7]): line.split()[-7:]
                for line in taken[3:7]}
        self.assertEqual(int(rows["covid"][0]),
                         sum(p == "covid" for p in predicted))
        self.assertEqual(int(rows["not covid"][0]),
                         sum(p != "covid" for p in predicted))
        self.assertAlmostEqual(float(rows["covid"][1]) +
                               float(rows["not covid"][1]), 1, 3)

    def test_confusion_matrix_equals_scikit_learns(self):
        trial = self.best()
        classes = ["covid", "normal", "pneumonia"]
        for split in ("train", "validation", "test", "nih-test"):
            actual, predicted = self.predictions(trial, split)
            matrix = confusion_matrix(actual, predicted, labels=classes)
            rows = select(self.workspace, "select actual, predicted, count from "
                          f"confusion_matrix where trial = '{trial}' and "
                          f"split = '{split}'")
            ours = {(a, p): n for a, p, n in rows}
            for i, a in enumerate(classes):
                for j, p in enumerate(classes):
                    self.assertEqual(ours.get((a, p), 0), matrix[i][j])

    def test_predict_classifies_a_folder_as_the_sweep_did(self):
        folder = XRAY / "chest_xray/test/NORMAL"
        table = self.verb("predict", "best", folder)
        self.assertIn("covid", table)
        lines = list(csv.DictReader(io.StringIO(
            self.verb("predict", "best", folder, "--csv"))))
        self.assertEqual(len(lines), 63)
        known = dict(select(
            self.workspace, "select image, probabilities from predictions where "
            f"trial = '{self.best()}' and split = 'nih-test'"))
        compared = 0
        for line in lines:
            for image, probabilities in known.items():
                if image.endswith("NORMAL/" + Path(line["path"]).name):
                    p = json.loads(probabilities)
                    covid = p["covid"] if isinstance(p, dict) else p[0]
                    self.assertEqual(float(line["probability_covid"]), covid)
                    compared += 1
        self.assertGreater(compared, 30)

    def test_the_other_reading_verbs_answer(self):
        self.assertIn(self.best(), self.verb("best"))
        self.assertIn("done", self.verb("status"))
        self.verb("compare", "--by", "model.dropout")
        self.assertEqual(
            self.verb("query", "select 1 as a, null as b", "-f", "csv"),
            "a,b\n1,\n")
        page = Path(self.folder.name) / "report.html"
        self.verb("report", "-o", page)
        text = page.read_text()
        self.assertIn(self.best(), text)
        self.assertNotIn("http://", text.replace("http://www.w3.org", ""))
        # The external set: what it is taken for, and what was left out of it.
        actual, predicted = self.predictions(self.best(), "nih-test")
        n = sum(p != "covid" for p in predicted)
        self.assertIn(f"<td>not covid</td><td class=number>{n}</td>"
                      f"<td>{n / len(predicted):.4f}</td>", text)
        left_out, overlap = select(
            self.workspace, "select count(*), sum(left_out like '%trained or "
            "validated on%') from images where source = 'nih-test' and "
            "left_out is not null")[0]
        self.assertIn(f"nih-test: {len(predicted)} images are used; {left_out} "
                      f"are left out, {overlap} of them because", text)
        self.assertIn("cohen", self.verb(
            "data", EXAMPLES / "covid-xray.yaml", *QUICK))


if __name__ == "__main__":
    unittest.main()
