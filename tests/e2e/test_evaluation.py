"""Every figure of a finished sweep, made again by scikit-learn from the kept
predictions: several patients' images a group, folds, thresholds, costs, bounds.
"""

import html
import json
import math
import re
import sqlite3
import unittest
from collections import defaultdict
from pathlib import Path

import numpy
from sklearn import metrics as sk

from besom_process import besom, select
from smoke_case import SMOKE, SmokeCase

CLASSES = ["clear", "consolidation", "hazy"]
COSTS = numpy.array([[0, 1, 1], [1, 0, 1], [20, 1, 0]])
SETTINGS = [
    "--set", "ingest.sources.phantom.images=120",
    "--set", "ingest.sources.phantom.images_per_patient=2",
    "--set", "ingest.sources.phantom.difficulty=0.5",
    "--set", "model.weights=imagenet", "--set", "train.epochs=10",
    "--set", "evaluate.predictions=all",
    "--set", "evaluate.threshold.target=recall/hazy >= 0.8",
    "--set", "evaluate.costs={hazy: {clear: 20}}",
    "--set", "metric.subject_to=['specificity/hazy >= 0.2', 'loss <= 1.0']"]


def confusion(actual, predicted):
    return sk.confusion_matrix(actual, predicted, labels=range(len(CLASSES)))


def from_counts(actual, predicted):
    """(name, class or None) -> value, of what comes from predicted classes."""
    counts = confusion(actual, predicted)
    found = {("accuracy", None): sk.accuracy_score(actual, predicted),
             ("balanced_accuracy", None):
                 sk.balanced_accuracy_score(actual, predicted),
             ("kappa", None): sk.cohen_kappa_score(actual, predicted),
             ("mcc", None): sk.matthews_corrcoef(actual, predicted),
             ("expected_cost", None):
                 float((counts * COSTS).sum() / counts.sum())}
    for name, beta in (("f1", 1), ("f0.5", 0.5), ("f2", 2)):
        precision, recall, score, support = sk.precision_recall_fscore_support(
            actual, predicted, beta=beta, labels=range(3), zero_division=0)
        for c, cls in enumerate(CLASSES):
            rest = sk.precision_recall_fscore_support(
                numpy.array(actual) != c, numpy.array(predicted) != c,
                labels=[True], zero_division=0)
            found.update({("precision", cls): precision[c],
                          ("recall", cls): recall[c], (name, cls): score[c],
                          ("support", cls): support[c],
                          ("npv", cls): rest[0][0],
                          ("specificity", cls): rest[1][0]})
        for average in ("macro", "weighted"):
            found[name, f"{average} avg"] = sk.fbeta_score(
                actual, predicted, beta=beta, average=average, zero_division=0)
    return found


def from_probabilities(actual, probabilities):
    found = {("log_loss", None):
                 sk.log_loss(actual, probabilities, labels=range(3)),
             ("brier", None): float(numpy.mean(numpy.sum(
                 (probabilities - numpy.eye(3)[actual]) ** 2, axis=1))),
             ("top_2", None): sk.top_k_accuracy_score(
                 actual, probabilities, k=2, labels=range(3))}
    for c, cls in enumerate(CLASSES):
        of_class = numpy.array(actual) == c
        found["roc_auc", cls] = sk.roc_auc_score(of_class, probabilities[:, c])
        found["pr_auc", cls] = sk.average_precision_score(
            of_class, probabilities[:, c])
        found["brier", cls] = sk.brier_score_loss(of_class,
                                                  probabilities[:, c])
    for average in ("macro", "weighted"):
        found["roc_auc", f"{average} avg"] = sk.roc_auc_score(
            actual, probabilities, multi_class="ovr", average=average)
    return found


def at_threshold(probabilities, cls, threshold):
    rest = probabilities.copy()
    rest[:, cls] = -1
    return numpy.where(probabilities[:, cls] >= threshold, cls,
                       rest.argmax(axis=1))


def words_of(page):
    """A page without its markup, every gap one space."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


class Evaluation(SmokeCase):
    def predictions(self, workspace):
        """(trial, repeat, fold, split) -> actual, probabilities."""
        rows = defaultdict(lambda: ([], []))
        for *key, actual, predicted, probabilities in select(
                workspace, "select trial, repeat, fold, split, actual, "
                "predicted, probabilities from predictions order by source, "
                "path"):
            values = json.loads(probabilities)
            self.assertEqual(CLASSES[int(numpy.argmax(values))], predicted)
            rows[tuple(key)][0].append(CLASSES.index(actual))
            rows[tuple(key)][1].append(values)
        return {key: (actual, numpy.array(values))
                for key, (actual, values) in rows.items()}

    def figures(self, workspace, rule):
        found = defaultdict(dict)
        for *key, name, cls, value, low, high, method in select(
                workspace, "select trial, repeat, fold, split, name, class, "
                "value, low, high, method from metrics where epoch is null and "
                f"repeat is not null and rule = '{rule}'"):
            found[tuple(key)][name, cls] = value
            if low is not None:
                self.assertLessEqual(low, high)
                self.assertLessEqual(low, value + 1e-9, (key, name, method))
                self.assertGreaterEqual(high, value - 1e-9,
                                        (key, name, method))
        return found

    def same(self, expected, figures, key):
        for figure, value in expected.items():
            if not math.isnan(value):
                self.assertAlmostEqual(figures[figure], value, 10,
                                       (key, figure))

    def check_workspace(self, workspace):
        predictions = self.predictions(workspace)
        figures = self.figures(workspace, "largest")
        self.assertEqual(set(predictions), set(figures))
        for key, (actual, probabilities) in predictions.items():
            predicted = probabilities.argmax(axis=1)
            self.same(from_counts(actual, predicted), figures[key], key)
            self.same(from_probabilities(actual, probabilities), figures[key],
                      key)
            counts = {(a, p): n for a, p, n in select(
                workspace, "select actual, predicted, count from "
                "confusion_matrix where trial = '{}' and repeat = {} and fold "
                "= {} and split = '{}'".format(*key))}
            expected = confusion(actual, predicted)
            for a, of_class in enumerate(CLASSES):
                for p, as_class in enumerate(CLASSES):
                    self.assertEqual(counts[of_class, as_class],
                                     expected[a][p], key)
        thresholds = {(trial, repeat, fold): value for
                      trial, repeat, fold, value in select(
                          workspace, "select trial, repeat, fold, value from "
                          "thresholds")}
        decided = self.figures(workspace, "threshold")
        self.assertEqual(set(decided), set(predictions))
        for key, (actual, probabilities) in predictions.items():
            threshold = thresholds[key[:3]]
            predicted = at_threshold(probabilities, 2, threshold)
            self.same(from_counts(actual, predicted), decided[key], key)
            if key[3] != "validation":
                continue
            recall = decided[key]["recall", "hazy"]
            self.assertGreaterEqual(recall, 0.8)
            above = [p for p in probabilities[:, 2] if p > threshold]
            if above:
                higher = at_threshold(probabilities, 2, min(above))
                self.assertLess(
                    from_counts(actual, higher)["recall", "hazy"], 0.8)
        return predictions

    def test_every_figure_is_what_the_predictions_say(self):
        workspace = self.workspace()
        self.run_smoke(workspace, *SETTINGS)
        predictions = self.check_workspace(workspace)
        self.assertEqual(len(predictions), 4 * 3)
        for key, (actual, probabilities) in predictions.items():
            for kind, x, y in (("roc", *sk.roc_curve(
                    numpy.array(actual) == 2, probabilities[:, 2])[:2]),):
                points = select(
                    workspace, "select x, y from curves where trial = '{}' "
                    "and split = '{}' and class = 'hazy' and kind = '{}'"
                    .format(key[0], key[3], kind))
                numpy.testing.assert_allclose(numpy.array(points),
                                              numpy.array([x, y]).T, atol=1e-9)
        methods = {method for method, in select(
            workspace, "select distinct method from metrics where name = "
            "'recall' and split = 'test' and epoch is null")}
        self.assertTrue(methods <= {"wilson_groups", "clopper_pearson_groups",
                                    "bootstrap_bca"}, methods)
        self.check_ranking(workspace)
        self.check_words(workspace)
        self.check_comparisons(workspace)
        self.check_report(workspace)

    def check_comparisons(self, workspace):
        order = [trial for trial, in select(
            workspace, "select trial from leaderboard order by rank")]
        rows = select(workspace, "select a, b, metric, split, p, p_adjusted "
                      "from comparisons")
        self.assertEqual({row[:4] for row in rows},
                         {(order[0], rival, "balanced_accuracy", split)
                          for rival in order[1:]
                          for split in ("validation", "test")})
        for *_, p, adjusted in rows:
            self.assertEqual(p is None, adjusted is None)
            if p is not None:
                self.assertTrue(0 < p <= adjusted <= 1)
        # As a run leaves it that is killed after its last trial.
        database = sqlite3.connect(workspace / "besom.db")
        with database:
            database.execute("delete from comparison")
        database.close()
        done = besom("run", SMOKE, "-w", workspace, *SETTINGS)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("nothing to do", done.stdout)
        self.assertEqual(select(workspace, "select a, b, metric, split, p, "
                                "p_adjusted from comparisons"), rows)

    def check_ranking(self, workspace):
        rows = select(workspace, "select trial, violation from leaderboard "
                      "order by rank")
        violations = []
        for trial, violation in rows:
            (specificity,), = select(
                workspace, "select value from metrics where trial = "
                f"'{trial}' and name = 'specificity' and class = 'hazy' and "
                "split = 'validation' and rule = 'largest'")
            (loss,), = select(
                workspace, "select value from metrics where trial = "
                f"'{trial}' and name = 'loss' and split = 'validation' and "
                "epoch is null")
            expected = max(0, 0.2 - specificity) + max(0, loss - 1.0)
            self.assertAlmostEqual(violation, expected, 9)
            violations.append(violation)
        self.assertEqual(violations, sorted(violations))

    def check_words(self, workspace):
        shown = besom("show", "best", "-w", workspace, "--split", "test")
        self.assertIn("95 % intervals on test", shown.stdout)
        self.assertIn("by the threshold on test", shown.stdout)
        self.assertIn("not reliable", shown.stdout)
        by_image = besom("show", "best", "-w", workspace, "--split", "test",
                         "--interval-unit", "image")
        table = by_image.stdout.split("95 % intervals on test\n")[1]
        methods = {tuple(line.split()[4:6]) for line in
                   table.split("\n\n")[0].splitlines()[2:]}
        self.assertIn(("wilson", "24"), methods)
        self.assertFalse([m for m, n in methods
                          if m.endswith("_groups") and n != "0"])
        (other,), = select(workspace, "select trial from leaderboard where "
                           "rank = 4")
        compared = besom("compare", "best", other, "-w", workspace)
        self.assertRegex(compared.stdout, "chance|not estimable")
        table = besom("compare", "best", other, "-w", workspace, "--tests",
                      "-f", "json", "--metric", "accuracy", "--method",
                      "mcnemar", "--split", "test")
        (row,) = [json.loads(line) for line in
                  table.stdout.replace("[", "").replace("]", "").splitlines()
                  if line.strip(" ,")]
        self.assertIn(row["method"], ("mcnemar_exact", "mcnemar"))

    def check_report(self, workspace):
        """The page says what the views hold."""
        page = Path(self.folder.name) / "report.html"
        self.assertEqual(besom("report", "-o", page, "-w",
                               workspace).returncode, 0)
        text = words_of(page.read_text())
        (best,), = select(workspace, "select trial from leaderboard where "
                          "rank = 1")
        shown = select(
            workspace, "select name, class, value, low, high, method, "
            f"n_groups from metrics where trial = '{best}' and split = 'test' "
            "and epoch is null and method is not null and name in ('recall', "
            "'accuracy') and rule = 'largest' and coalesce(class, '') not "
            "like '% avg'")
        self.assertEqual(len(shown), 4)
        for name, cls, value, low, high, method, n in shown:
            figure = f"{name}/{cls}" if cls else name
            self.assertIn(f" {figure} {value:.4f} {low:.4f} {high:.4f} "
                          f"{method} {n} ", text)
        for a, b, metric, split, method, difference, p in select(
                workspace, "select a, b, metric, split, method, difference, p "
                "from comparisons"):
            sentence = text.split(f"{metric} on {split}, {a} against {b}: ")[1]
            sentence = sentence.split(" against ")[0]
            self.assertIn(f"difference {difference:+.4f}", sentence)
            self.assertIn("not estimable" if p is None else
                          f"{method} of 12 ", sentence)
        for line in besom("compare", "best", b, "-w", workspace, "--metric",
                          metric).stdout.splitlines():
            if " against " in line:
                self.assertIn(line.split("p = ")[0], text)

    def test_fits_are_summed_up(self):
        workspace = self.workspace()
        self.run_smoke(workspace, *SETTINGS, "--set", "split.folds=3",
                       "--set", "parameters={model.head: [[], [16]]}")
        self.check_workspace(workspace)
        rows = select(
            workspace, "select m.trial, m.split, m.name, coalesce(m.class, "
            "''), m.value, m.sd, m.low, m.high, m.method, m.n_groups, "
            "(select group_concat(f.value) from metrics f where f.trial = "
            "m.trial and f.split = m.split and f.name = m.name and f.class is "
            "m.class and f.epoch is null and f.rule = m.rule and f.repeat is "
            "not null) from metrics m where m.repeat is null and m.epoch is "
            "null and m.rule = 'largest' and m.value is not null")
        methods = defaultdict(set)
        for _, split, name, cls, value, sd, low, high, method, n, of in rows:
            values = [float(text) for text in of.split(",")]
            self.assertEqual(len(values), 3)
            self.assertAlmostEqual(value, numpy.mean(values), 12)
            self.assertAlmostEqual(sd, numpy.std(values, ddof=1), 12)
            methods[split].add(method)
            if low is not None:
                self.assertEqual(n, 3)
                self.assertLessEqual(low, value + 1e-12)
                self.assertGreaterEqual(high, value - 1e-12)
        self.assertEqual(methods["train"], {None})
        self.assertEqual(methods["validation"], {None, "resampled_t"})
        self.assertEqual(methods["test"], {None, "within_between"})
        pooled = select(
            workspace, "select sum(count) from confusion_matrix where repeat "
            "is null and split = 'validation' group by trial")
        images, = select(workspace, "select count(distinct image) from "
                         "predictions where split = 'validation'")[0]
        self.assertEqual(pooled, [(images,), (images,)])
        self.check_pooled_thresholds(workspace)
        (other,), = select(workspace, "select trial from leaderboard where "
                           "rank = 2")
        compared = besom("compare", "best", other, "-w", workspace)
        self.assertIn("fits", compared.stdout)

    def check_pooled_thresholds(self, workspace):
        """That of all fits together: the largest one that leaves a recall of
        0.8 over all images, each by the fit that held it out."""
        rows = select(workspace, "select trial, value, positive_groups, "
                      "reliable from thresholds where repeat is null and fold "
                      "is null")
        self.assertEqual(len(rows), 2)
        for trial, value, groups, reliable in rows:
            pool = select(
                workspace, "select distinct p.image, actual, probabilities, "
                "i.patients || ' ' || i.\"group\" from predictions p join "
                "images i on i.sweep = p.sweep and i.image = p.image where "
                f"p.trial = '{trial}' and p.split = 'validation'")
            self.assertEqual(len(pool), len({image for image, *_ in pool}))
            hazy = numpy.array([json.loads(said)[2] for _, actual, said, _ in
                                pool if actual == "hazy"])
            self.assertGreaterEqual(numpy.mean(hazy >= value), 0.8)
            higher = [p for p in (json.loads(said)[2] for _, _, said, _ in pool)
                      if p > value]
            if higher:
                self.assertLess(numpy.mean(hazy >= min(higher)), 0.8)
            patients = {group for _, actual, _, group in pool
                        if actual == "hazy"}
            self.assertLess(len(patients), len(hazy))
            self.assertEqual(groups, len(patients))
            self.assertEqual(reliable, int(len(patients) >= 20))
            shown = besom("show", trial, "-w", workspace).stdout
            self.assertIn("pooled over the fits: hazy where its probability is "
                          f"at least {value:.6g} (recall/hazy >= 0.8 on "
                          "validation)", shown)

    def test_without_predictions_there_is_no_pooled_threshold(self):
        workspace = self.workspace()
        self.run_smoke(workspace, *SETTINGS, "--set", "split.folds=2",
                       "--set", "evaluate.predictions=none", "--set",
                       "train.epochs=1", "--set", "parameters={}")
        self.assertEqual(select(workspace, "select value, positive_groups from "
                                "thresholds where repeat is null"), [(None, 0)])
        shown = besom("show", "best", "-w", workspace).stdout
        self.assertIn("pooled over the fits: no predictions of hazy on "
                      "validation are kept", shown)


if __name__ == "__main__":
    unittest.main()
