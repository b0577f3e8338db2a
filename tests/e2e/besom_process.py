"""Runs the real programs and reads what they leave behind."""

import os
import sqlite3
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("BESOM_BIN", ROOT / "build/release/bin"))
SHARED = Path(os.environ.get("BESOM_SHARED", ROOT.parent / "shared"))
# The environment that the build is made with holds the pinned mpirun.
MPIRUN = Path(os.environ.get("BESOM_MPIRUN", ROOT / ".deps/venv/bin/mpirun"))
EXAMPLES = ROOT / "sweeps/examples"

# INTERFACE: "the same rows"; key columns first, so that sorting is by key.
SAME_ROWS = {
    "trials": "sweep, trial, state, parameters, error",
    "metrics": "sweep, trial, repeat, fold, split, epoch, class, name, value, "
               "low, high, method, n_groups",
    "confusion_matrix": "sweep, trial, repeat, fold, split, actual, predicted, "
                        "count",
    "classification_report": "sweep, trial, repeat, fold, split, class, "
                             "precision, recall, f1, support",
    "predictions": "sweep, trial, repeat, fold, split, image, actual, "
                   "predicted, probabilities",
    "curves": "trial, split, class, kind, x, y, threshold",
    "leaderboard": "sweep, rank, trial, state, backbone, head, dropout, "
                   "parameters, metric, goal, split, value, low, high, "
                   "accuracy, test_value, test_low, test_high, ties",
}


def environment(**more):
    env = dict(os.environ)
    env.pop("BESOM_WORKSPACE", None)
    env["COVID_XRAY_DATA"] = str(SHARED / "data/xray")
    env["VGG16_WEIGHTS"] = str(SHARED / "weights/vgg16_keras_notop.safetensors")
    env.update({key: str(value) for key, value in more.items()})
    return env


def besom(*arguments, timeout=600, cores=None, **env):
    """Runs besom to its end; returns the CompletedProcess (text)."""
    def pin():
        if cores:
            os.sched_setaffinity(0, cores)

    return subprocess.run(
        [str(BIN / "besom"), *map(str, arguments)], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(**env), timeout=timeout, preexec_fn=pin)


def start(*arguments, **env):
    """Starts besom in a session of its own, without waiting for it."""
    return subprocess.Popen(
        [str(BIN / "besom"), *map(str, arguments)], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(**env), start_new_session=True)


def text_of(value):
    if value is None:
        return ""
    return "%.17g" % value if isinstance(value, float) else str(value)


def same_rows(workspace):
    """Every row that must not depend on how the run went, as one text."""
    with sqlite3.connect(Path(workspace) / "besom.db") as connection:
        lines = []
        for view, columns in SAME_ROWS.items():
            rows = connection.execute(f"select {columns} from {view}")
            lines += sorted(view + "\t" + "\t".join(map(text_of, row))
                            for row in rows)
    return "\n".join(lines)


def select(workspace, sql):
    with sqlite3.connect(Path(workspace) / "besom.db", timeout=30) as connection:
        return connection.execute(sql).fetchall()


def children_of(pid):
    """All descendants of a process, from /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rsplit(")", 1)[1].split()[1])
    found, frontier = [], [pid]
    while frontier:
        frontier = [p for p, parent in parents.items() if parent in frontier]
        found += frontier
    return found


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for(condition, seconds, what):
    """Polls a condition; a bound, not a measure of time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {seconds} s: {what}")


def attempts_done(workspace):
    """How many tasks are committed so far; 0 before there is a database."""
    try:
        return select(workspace,
                      "select count(*) from attempts where outcome = 'done'")[0][0]
    except sqlite3.Error:
        return 0
