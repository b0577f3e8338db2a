"""Compares besom's scores, intervals and tests with scikit-learn and SciPy.

What neither of them has (clustered areas, the design effect) is computed here
from the papers' definitions, pair by pair, in NumPy.
"""

import itertools
import json
import math
import subprocess
import sys
import warnings

import numpy as np
from scipy import optimize, stats
from sklearn import calibration, metrics

TOLERANCE = 1e-12


def ask(program, questions):
    lines = "\n".join(json.dumps(question) for question in questions)
    output = subprocess.run([program], input=lines, text=True, check=True,
                            capture_output=True).stdout.splitlines()
    assert len(output) == len(questions)
    return [json.loads(line) for line in output]


def expect(what, got, wanted, tolerance=TOLERANCE):
    """Equal relative to what is larger, 1 or the wanted value."""
    if wanted is None or got is None:
        same = wanted is None and got is None
    else:
        same = abs(got - wanted) <= tolerance * max(1, abs(wanted))
    if not same:
        sys.exit(f"{what}: besom {got}, reference {wanted}")


def expect_all(what, got, wanted, tolerance=TOLERANCE):
    expect(what + " (how many)", len(got), len(wanted))
    for i, (one, other) in enumerate(zip(got, wanted)):
        expect(f"{what} [{i}]", one, other, tolerance)


# Scores and curves


def draw_set(random, i):
    """Random probabilities; every third set has ties, some lack classes."""
    classes = int(random.integers(2, 8))
    n = int(random.integers(2, 150))
    shares = random.dirichlet(np.full(classes, 2 if i % 2 else 0.4))
    actual = random.choice(classes, n, p=shares)
    logits = random.normal(size=(n, classes))
    logits[np.arange(n), actual] += random.uniform(0, 3)
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    if i % 3 == 0:
        # Sixteenths and their remainder: exact sums and many equal scores.
        probabilities = np.floor(probabilities * 16) / 16
        probabilities[:, 0] = 1 - probabilities[:, 1:].sum(axis=1)
    groups = int(random.integers(1, n + 1))
    group = np.concatenate([np.arange(groups),
                            random.integers(0, groups, n - groups)])
    return classes, actual, probabilities, group


def tops(probabilities, k):
    """The k most probable classes, the first of equal ones first."""
    return np.argsort(-probabilities, axis=1, kind="stable")[:, :k]


def ece(hit, confidence):
    edges = np.arange(1, 15) / 15
    bins = np.searchsorted(edges, confidence)
    return sum((bins == b).mean()
               * abs(hit[bins == b].mean() - confidence[bins == b].mean())
               for b in np.unique(bins))


def compare_overall(classes, actual, probabilities, got):
    predicted = probabilities.argmax(axis=1)
    labels = range(classes)
    if len(set(actual) | set(predicted)) > 1:
        expect("kappa", got["kappa", None],
               metrics.cohen_kappa_score(actual, predicted, labels=labels))
    else:
        expect("kappa", got["kappa", None], None)
    expect("mcc", got["mcc", None],
           metrics.matthews_corrcoef(actual, predicted))
    expect("log_loss", got["log_loss", None],
           metrics.log_loss(actual, probabilities, labels=labels))
    truth = np.eye(classes)[actual]
    brier = ((probabilities - truth) ** 2).sum(axis=1).mean()
    expect("brier", got["brier", None], brier / 2 if classes == 2 else brier)
    if len(set(actual)) == classes:
        expect("brier", got["brier", None], metrics.brier_score_loss(
            actual, probabilities if classes > 2 else probabilities[:, 1],
            labels=labels))
    expect("ece", got["ece", None],
           ece(predicted == actual, probabilities.max(axis=1)))
    for k in (2, 3, 5):
        wanted = (tops(probabilities, k) == actual[:, None]).any(axis=1).mean()
        expect(f"top_{k}", got.get((f"top_{k}", None)),
               wanted if k < classes else None)
        if k < classes and not has_ties(probabilities):
            expect(f"top_{k}", wanted, metrics.top_k_accuracy_score(
                actual, probabilities, k=k, labels=labels))


def has_ties(probabilities):
    return any(len(set(row)) < len(row) for row in probabilities.tolist())


def compare_classes(classes, actual, probabilities, got):
    """Each class against the rest, then the averages."""
    predicted = probabilities.argmax(axis=1)
    support = np.bincount(actual, minlength=classes)
    values = {name: [None] * classes
              for name in ("npv", "f0.5", "f2", "roc_auc", "pr_auc")}
    for c in range(classes):
        truth, said = actual == c, predicted == c
        if (~truth).any() or (~said).any():
            values["npv"][c] = metrics.precision_score(
                ~truth, ~said, zero_division=0)
        if truth.any() or said.any():
            for beta in (0.5, 2):
                values[f"f{beta}"][c] = metrics.fbeta_score(
                    truth, said, beta=beta, zero_division=0)
        if truth.any():
            values["pr_auc"][c] = metrics.average_precision_score(
                truth, probabilities[:, c])
            if not truth.all():
                values["roc_auc"][c] = metrics.roc_auc_score(
                    truth, probabilities[:, c])
        expect("brier", got["brier", str(c)], metrics.brier_score_loss(
            truth, probabilities[:, c], labels=[False, True]))
    for name, by_class in values.items():
        expect_all(name, [got[name, str(c)] for c in range(classes)], by_class)
        held = [c for c in range(classes)
                if support[c] and by_class[c] is not None]
        mean = [by_class[c] for c in held]
        expect(name + " macro", got[name, "macro avg"],
               np.mean(mean) if held else None)
        expect(name + " weighted", got[name, "weighted avg"],
               np.average(mean, weights=support[held]) if held else None)
    if (support > 0).all() and classes > 2:
        for average in ("macro", "weighted"):
            expect("roc_auc " + average, got["roc_auc", average + " avg"],
                   metrics.roc_auc_score(actual, probabilities,
                                         multi_class="ovr", average=average))


def compare_curves(classes, actual, probabilities, points):
    for c in range(classes):
        truth, scores = actual == c, probabilities[:, c]
        curves = {kind: [p[2:] for p in points
                         if p[0] == str(c) and p[1] == kind]
                  for kind in ("roc", "pr", "calibration")}
        if not truth.any():
            assert not any(curves.values())
            continue
        if not truth.all():
            x, y, thresholds = metrics.roc_curve(truth, scores)
            expect_all("roc", sum(curves["roc"], []), flat(x, y, thresholds))
        else:
            assert not curves["roc"]
        y, x, thresholds = metrics.precision_recall_curve(
            truth, scores, drop_intermediate=True)
        thresholds = np.append(thresholds, np.inf)
        expect_all("pr", sum(curves["pr"], []),
                   flat(x[::-1], y[::-1], thresholds[::-1]))
        inner = np.abs(scores[:, None] * 15 - np.arange(1, 15))
        if inner.min() > 1e-9:  # Edges are rounded differently there.
            y, x = calibration.calibration_curve(truth, scores, n_bins=15)
            expect_all("calibration", sum(curves["calibration"], []),
                       flat(x, y, np.full(len(x), np.inf)))


def flat(x, y, thresholds):
    return [value for point in zip(x, y, thresholds)
            for value in (*point[:2],
                          None if np.isinf(point[2]) else point[2])]


def check_scores(program, random):
    sets = [draw_set(random, i) for i in range(240)]
    answers = ask(program, [
        dict(about="scores", classes=c, actual=a.tolist(),
             probabilities=p.tolist(), group=g.tolist(), draws=0)
        for c, a, p, g in sets])
    with warnings.catch_warnings():  # Classes that a side does not hold.
        warnings.simplefilter("ignore")
        for (classes, actual, probabilities, _), answer in zip(sets, answers):
            got = {(name, cls): value
                   for name, cls, value, _ in answer["rows"]}
            compare_overall(classes, actual, probabilities, got)
            compare_classes(classes, actual, probabilities, got)
            compare_curves(classes, actual, probabilities, answer["curves"])


# Intervals of proportions


def ratio_design_effect(hits, sizes):
    """Rao and Scott 1992: v / (p q / n), v of the ratio of two totals."""
    n, groups = sizes.sum(), len(sizes)
    p = hits.sum() / n
    if p in (0, 1) or groups < 2:
        return 1
    residuals = hits - p * sizes
    variance = groups / (groups - 1) * (residuals ** 2).sum() / n ** 2
    return max(1, variance / (p * (1 - p) / n))


def correlation(hits, sizes, p):
    """Maximum of SciPy's beta-binomial likelihood, mean p, by brute force."""
    def loss(r):
        spread = (1 - r) / r
        return -stats.betabinom.logpmf(
            hits, sizes, p * spread, (1 - p) * spread).sum()
    grid = np.linspace(1e-4, 0.9999, 400)
    best = grid[int(np.argmin([loss(r) for r in grid]))]
    found = optimize.minimize_scalar(
        loss, bounds=(max(1e-7, best - 0.003), min(1, best + 0.003)),
        method="bounded", options={"xatol": 1e-9})
    return found.x


def compare_grouped(hits, sizes, answer):
    """The ends are where the score statistic is the normal quantile."""
    z = stats.norm.ppf(0.975)
    n, ratio = sizes.sum(), ratio_design_effect(hits, sizes)
    estimate = hits.sum() / n
    for end in ("low", "high"):
        p = answer[end]
        effect = max(ratio, 1 + ((sizes ** 2).sum() / n - 1)
                     * correlation(hits, sizes, p))
        expect("score at an end",
               abs(estimate - p) / math.sqrt(p * (1 - p) * effect / n), z,
               1e-4)


def check_proportions(program, random):
    cases = []
    for i in range(80):
        sizes = random.integers(1, 8, int(random.integers(2, 40)))
        p = random.uniform(0.05, 0.95)
        r = random.choice([0.05, 0.2, 0.6])
        spread = (1 - r) / r
        hits = random.binomial(
            sizes, random.beta(p * spread, (1 - p) * spread, len(sizes)))
        if i % 8 == 0:
            hits = sizes * (i % 16 == 0)
        cases.append((hits, sizes, p))
    answers = ask(program, [
        dict(about="proportion", groups=np.stack([h, s], 1).tolist(), p=p)
        for h, s, p in cases])
    for (hits, sizes, p), answer in zip(cases, answers):
        test = stats.binomtest(int(hits.sum()), int(sizes.sum()))
        for name, method in (("wilson", "wilson"), ("exact", "exact")):
            wanted = test.proportion_ci(method=method)
            expect(name, answer[name]["low"], wanted.low)
            expect(name, answer[name]["high"], wanted.high)
        expect("design effect", answer["effect"],
               ratio_design_effect(hits, sizes))
        grouped = answer["grouped"]
        if 0 < hits.sum() < sizes.sum() and sizes.max() > 1:
            wanted = correlation(hits, sizes, p)
            expect("correlation", answer["correlation"],
                   wanted if wanted > 2e-4 else 0, 2e-4)
            compare_grouped(hits, sizes, grouped)
        elif sizes.max() > 1:
            n = len(sizes)
            exact = stats.binomtest(
                n if hits.sum() else 0, n).proportion_ci(method="exact")
            expect("all or none", grouped["low"], exact.low)
            expect("all or none", grouped["high"], exact.high)
            assert grouped["method"] == "clopper_pearson_groups"


# Areas


def obuchowski(a, b, positive, group):
    """Area of a minus b, variance and freedom, from all pairs."""
    def pairs(scores):
        x, y = scores[positive], scores[~positive]
        return (x[:, None] > y) + 0.5 * (x[:, None] == y)
    kernel = pairs(a) - (pairs(b) if b is not None else 0)
    area = kernel.mean()
    m, n = kernel.shape
    of_groups = np.unique(group)
    v10 = np.array([(kernel.mean(axis=1) - area)[group[positive] == g].sum()
                    for g in of_groups])
    v01 = np.array([(kernel.mean(axis=0) - area)[group[~positive] == g].sum()
                    for g in of_groups])
    i10, i01, i = (len(set(group[positive])), len(set(group[~positive])),
                   len(of_groups))
    if i10 < 2 or i01 < 2:
        return area, None, None
    s10 = i10 / ((i10 - 1) * m) * (v10 ** 2).sum()
    s01 = i01 / ((i01 - 1) * n) * (v01 ** 2).sum()
    s11 = i / (i - 1) * (v10 * v01).sum()
    variance = s10 / m + s01 / n + 2 * s11 / (m * n)
    if variance < 1e-20:
        return area, None, None
    freedom = (s10 / m + s01 / n) ** 2 / ((s10 / m) ** 2 / (i10 - 1)
                                          + (s01 / n) ** 2 / (i01 - 1))
    return area, variance, stats.t(freedom)


def check_areas(program, random):
    cases = []
    for _ in range(80):
        n = int(random.integers(4, 60))
        positive = random.random(n) < 0.4
        positive[:2] = True, False
        a = random.normal(size=n) + positive
        b = np.round(a + random.normal(size=n), 1)
        groups = int(random.integers(1, n + 1))
        group = np.concatenate([np.arange(groups),
                                random.integers(0, groups, n - groups)])
        cases.append((np.round(a, 1), b, positive, random.permutation(group)))
    answers = ask(program, [
        dict(about="areas", a=a.tolist(), b=b.tolist(),
             positive=p.astype(int).tolist(), group=g.tolist())
        for a, b, p, g in cases])
    estimable = 0
    for (a, b, positive, group), answer in zip(cases, answers):
        own = np.arange(len(a))
        for name, second, groups, shape in (
                ("delong", None, own, stats.norm),
                ("obuchowski", None, group, None),
                ("delong_difference", b, own, stats.norm),
                ("obuchowski_difference", b, group, None)):
            area, variance, student = obuchowski(a, second, positive, groups)
            got = answer[name]
            expect(name, got["value"], area)
            expect(name + " variance", got["variance"], variance)
            if variance is None or second is None and not 0 < area < 1:
                expect(name, got["logit"]["low"], None)
                continue
            shape = shape or student
            sd = math.sqrt(variance)
            estimable += 1
            expect(name + " p", got["p"], 2 * shape.sf(abs(area) / sd), 1e-11)
            if second is None:
                half = shape.ppf(0.975) * sd / (area * (1 - area))
                logit = math.log(area / (1 - area))
                for end, side in (("low", -half), ("high", half)):
                    expect(name + end, got["logit"][end],
                           1 / (1 + math.exp(-logit - side)), 1e-11)
    assert estimable > 200


# Bootstrap, tests, distributions


def check_bootstrap(program, random):
    cases = [random.exponential(size=int(n))
             for n in random.integers(5, 60, 12)]
    answers = ask(program, [dict(about="bootstrap", values=v.tolist(),
                                 draws=1999) for v in cases])
    for values, answer in zip(cases, answers):
        drawn = np.array(answer["draws"])
        # SciPy makes its interval from the draws that it is given.
        given = stats._resampling.BootstrapResult(
            confidence_interval=None, bootstrap_distribution=drawn,
            standard_error=None)
        wanted = stats.bootstrap(
            (values,), np.mean, n_resamples=0, bootstrap_result=given,
            method="BCa").confidence_interval
        expect("bca low", answer["interval"]["low"], wanted.low, 1e-10)
        expect("bca high", answer["interval"]["high"], wanted.high, 1e-10)
        spread = values.std() / math.sqrt(len(values))
        expect("draws", drawn.mean(), values.mean(), 5 * spread / 44)
        expect("their spread", drawn.std() / spread, 1, 0.1)


def closed_bonferroni(p_values):
    """Holm's p by what it means: closed testing with Bonferroni's test."""
    known = [i for i, p in enumerate(p_values) if p is not None]
    result = [None] * len(p_values)
    for i in known:
        result[i] = max(
            min(1, len(subset) * min(p_values[j] for j in subset))
            for size in range(1, len(known) + 1)
            for subset in itertools.combinations(known, size) if i in subset)
    return result


def check_tests(program, random):
    cases = []
    for i in range(60):
        parts = random.integers(-3, 4, int(random.integers(2, 11))) / 4
        if i % 10 == 0:
            parts = np.full(4, 0.1)
        p_values = [None if random.random() < 0.2
                    else float(random.choice([0.01, 0.04, random.random()]))
                    for _ in range(6)]
        a_only, b_only = random.integers(0, 40, 2)
        cases.append((parts, p_values, int(a_only), int(b_only),
                      random.uniform(0, 1)))
    answers = ask(program, [
        dict(about="tests", parts=p.tolist(), p_values=h, a_only=a, b_only=b,
             ratio=r) for p, h, a, b, r in cases])
    for (parts, p_values, a, b, ratio), answer in zip(cases, answers):
        expect_all("holm", answer["holm"], closed_bonferroni(p_values))
        expect("mcnemar", answer["mcnemar"],
               stats.binomtest(a, a + b).pvalue if a + b else None)
        if parts.any():
            wanted = stats.permutation_test(
                (parts, np.zeros(len(parts))),
                lambda x, y, axis: np.abs((x - y).sum(axis=axis)),
                permutation_type="samples", alternative="greater",
                vectorized=True, n_resamples=np.inf).pvalue
            expect("sign flip", answer["flip"], wanted)
        else:
            expect("sign flip", answer["flip"], None)
        check_resampled_t(parts, ratio, answer)


def check_resampled_t(parts, ratio, answer):
    n = len(parts)
    expect("mean", answer["mean"], parts.mean())
    expect("sd", answer["sd"], parts.std(ddof=1))
    if len(set(parts)) == 1:
        expect("degenerate", answer["p"], None)
        expect("degenerate", answer["low"], None)
        return
    error = parts.std(ddof=1) * math.sqrt(1 / n + ratio)
    shape = stats.t(n - 1, parts.mean(), error)
    expect("t low", answer["low"], shape.ppf(0.025))
    expect("t high", answer["high"], shape.ppf(0.975))
    expect("t p", answer["p"],
           2 * stats.t(n - 1).sf(abs(parts.mean()) / error))
    # Without sharing of images it is the ordinary t test.
    plain = stats.ttest_1samp(parts, 0).pvalue
    shrunk = stats.t(n - 1).isf(plain / 2) / math.sqrt(1 + n * ratio)
    expect("t p", answer["p"], 2 * stats.t(n - 1).sf(shrunk), 1e-9)


def check_quantiles(program, random):
    cases = [(float(p), float(a), float(b)) for p, a, b in zip(
        random.uniform(0.001, 0.999, 200), random.uniform(1, 80, 200),
        random.uniform(0.5, 60, 200))]
    answers = ask(program, [dict(about="quantiles", p=p, a=a, b=b)
                            for p, a, b in cases])
    for (p, a, b), got in zip(cases, answers):
        expect("normal", got["normal"], stats.norm.ppf(p))
        expect("normal cdf", got["normal_cdf"], stats.norm.cdf(a - b))
        expect("t", got["t"], stats.t.ppf(p, a), 1e-11)
        expect("t tail", got["t_tail"], 2 * stats.t.sf(b, a))
        expect("beta", got["beta"], stats.beta.ppf(p, a, b))


# Comparison of two trials


def check_comparisons(program, random):
    """The test by its definition: the metric of swapped answers."""
    questions, cases = [], []
    for i in range(24):
        n, groups = 24, (24 if i % 4 == 3 else 7)
        group = np.concatenate([np.arange(groups),
                                random.integers(0, groups, n - groups)])
        actual = random.integers(0, 2, n)
        actual[:2] = 0, 1
        sides = []
        for strength in (1.5, 0.5):
            p = 1 / (1 + np.exp(strength * (1 - 2 * actual)
                                + random.normal(size=n)))
            sides.append(np.stack([1 - p, p], axis=1))
        metric = ("accuracy", "roc_auc/1", "f1/1", "brier")[i % 4]
        cases.append((metric, actual, sides, group))
        questions.append(dict(
            about="compare", classes=2, actual=actual.tolist(),
            a=sides[0].tolist(), b=sides[1].tolist(), group=group.tolist(),
            metric=metric, method="sign_flip", draws=200))
    answers = ask(program, questions)
    for (metric, actual, (a, b), group), got in zip(cases, answers):
        score = {
            "accuracy": lambda p: (p.argmax(1) == actual).mean(),
            "roc_auc/1": lambda p: metrics.roc_auc_score(actual, p[:, 1]),
            "f1/1": lambda p: metrics.f1_score(actual, p.argmax(1)),
            "brier": lambda p: ((p[:, 1] - actual) ** 2).mean(),
        }[metric]
        real = score(a) - score(b)
        expect(metric, got["difference"], real)
        if group.max() == 23:  # Too many for all swaps; see the unit tests.
            assert got["method"] == "sign_flip" and 0 < got["p"] <= 1
            continue
        assert got["method"] == "sign_flip_exact"
        extreme = 0
        for swap in itertools.product([False, True], repeat=7):
            swapped = np.array(swap)[group][:, None]
            extreme += abs(score(np.where(swapped, b, a))
                           - score(np.where(swapped, a, b))
                           ) >= abs(real) - 1e-12
        expect(metric + " p", got["p"], extreme / 2 ** 7)
        assert got["low"] < got["high"]


def main():
    program = sys.argv[1]
    for seed, check in enumerate((
            check_scores, check_proportions, check_areas, check_bootstrap,
            check_tests, check_quantiles, check_comparisons)):
        check(program, np.random.default_rng(seed))
        print(f"{check.__name__}: agrees")


main()
