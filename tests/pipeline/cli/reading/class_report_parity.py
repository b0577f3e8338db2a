"""Holds besom's classification report to scikit-learn's text, byte for byte."""

import subprocess
import sys

import numpy
from sklearn.metrics import classification_report, confusion_matrix


def besom_report(program, names, counts):
    lines = [str(len(names)), *names]
    lines += [" ".join(str(count) for count in row) for row in counts]
    run = subprocess.run([program], input="\n".join(lines) + "\n",
                         capture_output=True, text=True, check=True)
    return run.stdout


def cases():
    draw = numpy.random.default_rng(7)
    names = ["covid", "normal", "pneumonia"]
    for size in (1, 3, 10, 97, 1000):
        for _ in range(20):
            yield names, draw.integers(0, 3, size), draw.integers(0, 3, size)
    # Never predicted, without support, neither; all right; all wrong.
    yield names, numpy.array([0, 0, 1, 2]), numpy.array([0, 0, 1, 1])
    yield names, numpy.array([0, 0, 1, 1]), numpy.array([0, 2, 1, 1])
    yield names, numpy.array([0, 0, 0, 0]), numpy.array([0, 0, 0, 0])
    yield names, numpy.array([0, 1, 2, 0]), numpy.array([1, 2, 0, 1])
    # Names longer than "weighted avg", in other scripts, with spaces.
    wide = ["viral pneumonia, both sides", "sain\u00e9", "\u6b63\u5e38"]
    yield wide, draw.integers(0, 3, 50), draw.integers(0, 3, 50)
    yield ["a", "b"], draw.integers(0, 2, 2000000), draw.integers(0, 2, 2000000)


def main():
    program = sys.argv[1]
    failures = 0
    number = 0
    for number, (names, actual, predicted) in enumerate(cases(), 1):
        labels = list(range(len(names)))
        theirs = classification_report(actual, predicted, labels=labels,
                                       target_names=names, zero_division=0)
        counts = confusion_matrix(actual, predicted, labels=labels)
        ours = besom_report(program, names, counts)
        if ours != theirs:
            failures += 1
            print(f"case {number}:\nscikit-learn\n{theirs}\nbesom\n{ours}")
    print(f"{number} reports compared, {failures} differ")
    return 1 if failures or number < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
