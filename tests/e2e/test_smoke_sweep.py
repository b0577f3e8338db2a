"""The whole path on drawn images: run, resume, ranks, interruption, errors."""

import json
import os
import random
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from besom_process import (BIN, EXAMPLES, MPIRUN, attempts_done, besom,
                           children_of, environment, is_alive, same_rows,
                           select, start, wait_for)

SMOKE = EXAMPLES / "smoke.yaml"


class SmokeSweep(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.reference = Path(cls.folder.name) / "reference"
        done = besom("run", SMOKE, "-w", cls.reference)
        assert done.returncode == 0, done.stderr
        cls.rows = same_rows(cls.reference)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def workspace(self):
        return Path(tempfile.mkdtemp(dir=self.folder.name))

    def test_every_trial_is_done_and_every_matrix_holds_its_whole_set(self):
        states = select(self.reference, "select distinct state from trials")
        self.assertEqual(states, [("done",)])
        sets = dict(select(
            self.reference, "select split, count(*) from images "
            "where split is not null and left_out is null group by split"))
        sums = select(self.reference, "select trial, split, sum(count) "
                      "from confusion_matrix group by trial, split")
        self.assertTrue(sums)
        for _, split, total in sums:
            self.assertEqual(total, sets[split], split)

    def test_views_hold_rows(self):
        for view in ("leaderboard", "trials", "metrics", "confusion_matrix",
                     "classification_report", "predictions", "images",
                     "data_summary", "task_times", "attempts", "events"):
            if view == "events":
                select(self.reference, f"select * from {view}")
                continue
            count = select(self.reference, f"select count(*) from {view}")[0][0]
            self.assertGreater(count, 0, view)

    def test_a_second_run_does_nothing(self):
        before = select(self.reference, "select count(*) from attempts")
        again = besom("run", SMOKE, "-w", self.reference)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("nothing to do", again.stdout)
        self.assertEqual(select(self.reference, "select count(*) from attempts"),
                         before)

    def test_rows_do_not_depend_on_ranks_or_threads(self):
        for arguments, cores in ((["-n", "2"], None), (["-n", "4"], None),
                                 ([], {min(os.sched_getaffinity(0))})):
            workspace = self.workspace()
            done = besom("run", SMOKE, "-w", workspace, *arguments, cores=cores)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(same_rows(workspace), self.rows, arguments)

    def test_a_trial_on_two_ranks_has_the_numbers_of_two_shards(self):
        rows = []
        for ranks in ("1", "2", "3"):
            workspace = self.workspace()
            done = besom("run", SMOKE, "-w", workspace, "-n", ranks,
                         "--set", "resources.ranks_per_trial=2")
            self.assertEqual(done.returncode, 0, done.stderr)
            rows.append(same_rows(workspace))
        self.assertEqual(rows[0], rows[1])
        self.assertEqual(rows[0], rows[2])
        # Both ranks began each head.
        heads = {key for (key,) in select(
            workspace, "select distinct task from attempts "
            "where stage = 'fine_tune'")}
        begun = [json.loads(line).get("begin")
                 for journal in workspace.glob("logs/*.jsonl")
                 for line in journal.read_text().splitlines()]
        for head in heads:
            self.assertEqual(begun.count(head), 2)

    def test_ranks_of_a_users_own_mpirun_join_one_run(self):
        workspace = self.workspace()
        exports = besom("env", BESOM_MPIRUN=MPIRUN).stdout
        done = subprocess.run(
            ["bash", "-c", exports + '\nmpirun -n 3 "$0" "$@"', BIN / "besom",
             "run", SMOKE, "-w", workspace], text=True, timeout=300,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("4 trials done"), 1)
        self.assertEqual(same_rows(workspace), self.rows)
        ranks = select(workspace, "select distinct rank from attempts")
        self.assertGreater(len(ranks), 1)

    def test_an_interrupted_run_ends_soon_and_resumes(self):
        for ranks in (1, 2):
            workspace = self.workspace()
            process = start("run", SMOKE, "-w", workspace, "-n", ranks)
            wait_for(lambda: attempts_done(workspace) >= 2
                     or process.poll() is not None, 60, "two finished tasks")
            begun = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
            self.assertIn(process.returncode, (0, 3))
            self.assertLess(time.monotonic() - begun, 15)
            self.finish_and_compare(workspace, ranks)

    def test_a_killed_run_resumes_and_repeats_nothing(self):
        draw = random.Random(20200330)
        for ranks, victim in ((1, "all"), (2, "mpirun"), (2, "rank")):
            workspace = self.workspace()
            process = start("run", SMOKE, "-w", workspace, "-n", ranks)
            goal = draw.randint(1, 6)
            wait_for(lambda: attempts_done(workspace) >= goal
                     or process.poll() is not None, 60, "some finished tasks")
            family = children_of(process.pid)
            if victim == "all":
                os.killpg(process.pid, signal.SIGKILL)
            elif victim == "mpirun" and family:
                os.kill(family[0], signal.SIGKILL)
            elif family:
                os.kill(family[-1], signal.SIGKILL)
            process.communicate(timeout=60)
            wait_for(lambda: not any(map(is_alive, family)), 5,
                     "the end of every process of the run")
            self.finish_and_compare(workspace, ranks)

    def finish_and_compare(self, workspace, ranks):
        done = besom("run", SMOKE, "-w", workspace, "-n", ranks)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(same_rows(workspace), self.rows)
        repeated = select(workspace, "select task, count(*) from attempts "
                          "where outcome = 'done' group by task "
                          "having count(*) > 1")
        self.assertEqual(repeated, [])

    def test_a_grown_sweep_computes_only_what_is_new(self):
        workspace = self.workspace()
        first = besom("run", SMOKE, "-w", workspace)
        self.assertEqual(first.returncode, 0, first.stderr)
        grown = besom("run", SMOKE, "-w", workspace,
                      "--set", "parameters.model.dropout={values: [0.1, 0.5]}")
        self.assertEqual(grown.returncode, 0, grown.stderr)
        self.assertEqual(select(workspace, "select count(*) from attempts "
                                "where stage in ('ingest', 'features') and "
                                "started > (select min(started) from attempts "
                                "where stage = 'evaluate')"), [(0,)])

    def test_plan_explains_and_dry_run_writes_nothing(self):
        workspace = self.workspace() / "none"
        for arguments in (["plan", SMOKE, "--explain"],
                          ["plan", SMOKE, "--json"], ["run", SMOKE, "--dry-run"]):
            done = besom(*arguments, "-w", workspace)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertFalse(workspace.exists())
        plan = json.loads(besom("plan", SMOKE, "--json", "-w",
                                self.reference).stdout)
        self.assertTrue(all(s["tasks"] == s["done"] for s in plan["stages"]))
        explained = besom("plan", SMOKE, "--explain", "-w", self.reference,
                          "--set", "train.learning_rate=0.002").stdout
        self.assertIn("train.learning_rate", explained)

    def test_bad_input_is_refused_with_place_and_nothing_is_written(self):
        text = SMOKE.read_text()
        cases = {
            "unknown key": text + "\nfoo: 1\n",
            "wrong type": text.replace("seed:", "seed: [x]  #", 1),
            "not YAML": text + "\n  : : [\n",
            "options in conflict": text.replace(
                "batch_size: 8", "batch_size: 8, warmup: {epochs: 3}"),
        }
        for what, bad in cases.items():
            workspace = self.workspace() / "none"
            spec = self.workspace() / "bad.yaml"
            spec.write_text(bad)
            done = besom("run", spec, "-w", workspace, "-n", "2")
            self.assertEqual(done.returncode, 2, what)
            self.assertRegex(done.stderr, r"bad\.yaml:\d+:\d+", what)
            self.assertEqual(done.stdout, "", what)
            self.assertFalse(workspace.exists(), what)

    def test_a_running_sweep_is_not_run_twice(self):
        workspace = self.workspace()
        process = start("run", SMOKE, "-w", workspace)
        lock = workspace / "store/locks/smoke.lock"
        wait_for(lambda: lock.exists() and lock.read_text()
                 or process.poll() is not None, 30, "the lock")
        second = besom("run", SMOKE, "-w", workspace)
        if process.poll() is None:
            self.assertEqual(second.returncode, 3, second.stderr)
            self.assertIn("already running", second.stderr)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)


if __name__ == "__main__":
    unittest.main()
