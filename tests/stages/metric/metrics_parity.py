"""Compares besom's metrics with scikit-learn on random labels."""

import json
import subprocess
import sys
import warnings

import numpy as np
from sklearn.metrics import (accuracy_score, balanced_accuracy_score,
                             confusion_matrix,
                             precision_recall_fscore_support)

TOLERANCE = 1e-12


def draw_cases(random):
    """Random labels: many classes, few images, classes absent on a side."""
    cases = []
    for _ in range(300):
        classes = int(random.integers(2, 7))
        n = int(random.integers(1, 120))
        shares = random.dirichlet(np.full(classes, 0.6))
        actual = random.choice(classes, n, p=shares)
        predicted = np.where(random.random(n) < 0.6, actual,
                             random.choice(classes, n, p=shares))
        cases.append((classes, actual, predicted))
    return cases


def expect(name, cls, got, wanted):
    if got is None or abs(got - wanted) > TOLERANCE:
        sys.exit(f"{name}/{cls}: besom {got}, scikit-learn {wanted}")


def compare(classes, actual, predicted, rows):
    got = {(name, cls): value for name, cls, value in rows}
    expect("accuracy", None, got["accuracy", None],
           accuracy_score(actual, predicted))
    with warnings.catch_warnings():  # Classes that are only predicted.
        warnings.simplefilter("ignore")
        expect("balanced_accuracy", None, got["balanced_accuracy", None],
               balanced_accuracy_score(actual, predicted))
    present = sorted(set(actual.tolist()))
    names = ("precision", "recall", "f1", "support")
    figures = precision_recall_fscore_support(
        actual, predicted, labels=present, zero_division=0)
    for i, cls in enumerate(present):
        for name, values in zip(names, figures):
            expect(name, cls, got[name, str(cls)], values[i])
    for average in ("macro", "weighted"):
        figures = precision_recall_fscore_support(
            actual, predicted, labels=present, average=average,
            zero_division=0)
        for name, value in zip(names[:3], figures):
            expect(name, average, got[name, average + " avg"], value)
    for cls in range(classes):
        # Specificity is the recall of "any other class".
        others = actual != cls
        if others.any():
            expect("specificity", cls, got["specificity", str(cls)],
                   float((predicted[others] != cls).mean()))
    return len(present)


def main():
    cases = draw_cases(np.random.default_rng(20200330))
    lines = "\n".join(
        json.dumps(confusion_matrix(a, p, labels=range(c)).tolist())
        for c, a, p in cases)
    output = subprocess.run([sys.argv[1]], input=lines, text=True, check=True,
                            capture_output=True).stdout.splitlines()
    assert len(output) == len(cases)
    whole = 0
    for (classes, actual, predicted), line in zip(cases, output):
        whole += compare(classes, actual, predicted,
                         json.loads(line)) == classes
    assert 50 < whole < 250, f"{whole} cases where every class has support"
    print(f"{len(cases)} cases agree within {TOLERANCE}")


main()
