"""What `gc` frees, and that runs go on after it as if nothing had happened."""

import os
import re
import signal
import unittest

from besom_process import (besom, select, same_rows, start, wait_for)
from smoke_case import SMOKE, SmokeCase

# Trials that the first run did not have; they read the stored features.
GROWN = ["--set", "parameters.model.dropout={values: [0.2, 0.5, 0.7]}"]
FOLDS = ["--set", "split.folds=2"]


class Gc(SmokeCase):
    def gc(self, workspace, *options, code=0):
        done = besom("gc", "-w", workspace, *options)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def freed(self, text):
        """By kind: how many files."""
        return {kind: int(files) for kind, files in re.findall(
            r"^ *(\w+) +(\d+) +\d+$", text, re.M)}

    def files(self, workspace):
        return {str(path.relative_to(workspace)): path.stat().st_size
                for path in (workspace / "store").rglob("*")
                if path.is_file() and "locks" not in path.parts}

    def attempts(self, workspace):
        return dict(select(workspace, "select stage, count(*) from attempts "
                           "where outcome = 'done' group by stage"))

    def new_attempts(self, workspace, before):
        now = self.attempts(workspace)
        return {stage: count - before.get(stage, 0)
                for stage, count in now.items() if count > before.get(stage, 0)}

    def ranking(self, workspace):
        return [trial for trial, in select(
            workspace, "select trial from leaderboard where rank order by rank")]

    def weights(self, workspace):
        """By trial: whether all its models are in the store."""
        there = {}
        for trial, digest in select(
                workspace, "select t.trial, f.head_digest from fit f "
                "join trial t using(trial_id)"):
            path = workspace / "store/blobs.v1" / digest[:2] / digest
            there[trial] = there.get(trial, True) and path.is_file()
        return there

    def litter(self, workspace):
        """Puts one file of each kind that no one needs into the store."""
        store = workspace / "store"
        orphan = "ab" + "0" * 62
        done_task, = select(workspace, "select key from action where "
                            "stage = 'fine_tune' limit 1")[0]
        host = os.uname().nodename
        dead = 4194303  # The largest process number there may be.
        paths = [store / "blobs.v1/ab" / orphan,
                 store / "blobs.v1/ab" / (orphan + ".corrupt"),
                 store / "blobs.v1/ab" / f".{orphan}.{host}.{dead}.0.tmp",
                 store / "checkpoints.v1" / done_task]
        for number, path in enumerate(paths, 1):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"x" * number)
        kept = store / "checkpoints.v1" / ("c" * 64)
        kept.write_bytes(b"of a task that is not done")
        return paths, kept

    def test_what_is_no_use_goes_and_a_dry_run_says_so_first(self):
        workspace = self.run_smoke(self.workspace())
        before = self.files(workspace)
        paths, kept = self.litter(workspace)
        littered = self.files(workspace)
        said = self.gc(workspace, "--dry-run").stdout
        self.assertEqual(self.files(workspace), littered)
        done = self.gc(workspace).stdout
        self.assertEqual(said, done + "dry run: nothing was removed\n")
        self.assertEqual(self.freed(done), {
            "orphans": 1, "damaged": 1, "temporaries": 1, "checkpoints": 1,
            "pixels": 0, "views": 0, "features": 0, "weights": 0, "all": 4})
        self.assertIn(f"store: {sum(littered.values())} bytes", done)
        self.assertIn(f"before, {sum(littered.values()) - 10} bytes", done)
        self.assertEqual(self.files(workspace), {
            **before, str(kept.relative_to(workspace)): kept.stat().st_size})
        self.assertEqual([path for path in paths if path.exists()], [])

    def test_the_best_models_stay_and_the_others_can_be_trained_again(self):
        workspace = self.run_smoke(self.workspace(), *FOLDS)
        rows, attempts = same_rows(workspace), self.attempts(workspace)
        first, *others = self.ranking(workspace)
        image = workspace / "logs/smoke.views.png"
        before = {trial: besom("predict", trial, image, "-w", workspace).stdout
                  for trial in (first, others[0])}
        self.assertIn("hazy", before[first])

        self.assertEqual(self.freed(self.gc(workspace, "--keep", "best").stdout)
                         ["weights"], 2 * len(others))
        self.assertEqual(self.weights(workspace), {
            first: True, **{trial: False for trial in others}})
        self.assertEqual(self.freed(self.gc(workspace, "--keep", "best").stdout)
                         ["all"], 0)
        done = besom("run", SMOKE, "-w", workspace, *FOLDS)
        self.assertIn("nothing to do", done.stdout)
        self.assertEqual(besom("predict", first, image, "-w", workspace).stdout,
                         before[first])
        for verb in (["show", others[0]], ["best"], ["report", "-o",
                                                     workspace / "r.html"]):
            shown = besom(*verb, "-w", workspace)
            self.assertEqual(shown.returncode, 0, shown.stderr)

        for _ in range(2):
            refused = besom("predict", others[0], image, "-w", workspace)
            self.assertEqual(refused.returncode, 2)
            self.assertIn(f"--rerun {others[0]}", refused.stderr)
            # As a sweep records it that meets its evaluation only.
            select(workspace, "update fit set head_digest = '' where trial_id ="
                   f" (select trial_id from trial where trial = '{others[0]}')")
        self.run_smoke(workspace, *FOLDS, "--rerun", others[0])
        self.assertEqual(self.new_attempts(workspace, attempts),
                         {"fine_tune": 2, "evaluate": 2})
        self.assertEqual(
            besom("predict", others[0], image, "-w", workspace).stdout,
            before[others[0]])
        self.assertEqual(same_rows(workspace), rows)

    def test_another_sweep_finds_the_results_of_models_that_are_gone(self):
        workspace = self.run_smoke(self.workspace())
        self.gc(workspace, "--keep", "best")
        attempts = self.attempts(workspace)
        self.run_smoke(workspace, "--set", "name=other")
        self.assertEqual(self.new_attempts(workspace, attempts), {})
        rows = ("select {} from leaderboard where sweep = '{}' order by trial")
        columns = "trial, rank, state, value, test_value, seconds"
        self.assertEqual(select(workspace, rows.format(columns, "other")),
                         select(workspace, rows.format(columns, "smoke")))
        self.assertEqual(select(workspace, "select count(*), sum(head_digest <> "
                                "'') from fit"), [(8, 8)])
        self.assertEqual(self.freed(self.gc(workspace, "--keep", "best").stdout)
                         ["all"], 0)

    def test_last_keeps_one_more(self):
        workspace = self.run_smoke(self.workspace())
        first, *others = self.ranking(workspace)
        self.run_smoke(workspace, "--rerun", others[-1])
        self.gc(workspace, "--keep", "last")
        self.assertEqual({trial for trial, there in
                          self.weights(workspace).items() if there},
                         {first, others[-1]})

    def test_a_cap_is_kept_as_far_as_may_be(self):
        whole = self.run_smoke(self.workspace())
        self.run_smoke(whole, *GROWN)
        workspace = self.run_smoke(self.workspace())
        files = self.files(workspace)
        rows, attempts = same_rows(workspace), self.attempts(workspace)
        first, *others = self.ranking(workspace)

        size = sum(files.values())
        text = self.gc(workspace, "--max-size", str(size)).stdout
        self.assertEqual(self.freed(text)["all"], 0)
        text = self.gc(workspace, "--max-size", str(size - 1)).stdout
        self.assertEqual(self.freed(text)["all"], 1)
        self.assertEqual(self.freed(text)["pixels"], 1)
        self.assertNotIn("more than --max-size", text)

        text = self.gc(workspace, "--max-size", "1kB").stdout
        freed = self.freed(text)
        self.assertGreater(freed["features"], 0)
        self.assertEqual(freed["views"], 2)
        self.assertEqual(freed["weights"], len(others))
        self.assertRegex(text, "more than --max-size. What stays:\n.*first\n")
        self.assertTrue(self.weights(workspace)[first])
        self.assertEqual(same_rows(workspace), rows)

        done = besom("run", SMOKE, "-w", workspace)
        self.assertIn("nothing to do", done.stdout)
        plan = besom("plan", SMOKE, "-w", workspace, "--json")
        self.assertIn('"seconds": 0.0', plan.stdout)
        # Other trials change the spec, so that a run looks at everything.
        self.run_smoke(workspace, *GROWN)
        new = self.new_attempts(workspace, attempts)
        self.assertEqual((new["fine_tune"], new["evaluate"]), (2, 2))
        self.assertEqual(same_rows(workspace), same_rows(whole))
        self.assertEqual(select(workspace, "select width, height, mode, content "
                                "from images order by image"),
                         select(whole, "select width, height, mode, content "
                                "from images order by image"))
        self.assertEqual(select(workspace, "select kind from events "
                                "where kind = 'blob_missing'"), [])

    def test_only_what_new_trials_read_is_computed_again(self):
        workspace = self.run_smoke(self.workspace())
        # So that pixels and views are the oldest.
        select(workspace, "update action set finished = finished + 1000 "
               "where stage = 'features'")
        removed = select(workspace, "select sum(b.size) from blob b join action "
                         "a using(key) where stage in ('ingest', 'augment')")[0][0]
        rest = sum(self.files(workspace).values()) - removed
        freed = self.freed(self.gc(workspace, "--max-size", str(rest)).stdout)
        self.assertEqual((freed["features"], freed["weights"]), (0, 0))
        attempts = self.attempts(workspace)
        self.run_smoke(workspace, *GROWN)
        self.assertEqual(self.new_attempts(workspace, attempts),
                         {"fine_tune": 2, "evaluate": 2})
        self.assertEqual(select(workspace, "select count(*) from images "
                                "where width is null"), [(0,)])

    def test_it_waits_for_no_run_and_says_who_it_is(self):
        workspace = self.workspace()
        job = start("run", SMOKE, "-w", workspace, "--set", "train.epochs=2000",
                    "--set", "train.batch_size=2")
        try:
            wait_for(lambda: (workspace / "store/blobs.v1").is_dir()
                     or job.poll() is not None, 60, "the run is at work")
            self.assertIsNone(job.poll())
            refused = self.gc(workspace, code=3)
        finally:
            os.killpg(job.pid, signal.SIGKILL)
            job.communicate()
        self.assertIn(f"smoke: host {os.uname().nodename}, pid {job.pid}",
                      refused.stderr)
        self.assertEqual(refused.stdout, "")

    def test_killed_in_the_middle_it_leaves_a_workspace_for_runs(self):
        whole = self.run_smoke(self.workspace())
        self.run_smoke(whole, *GROWN)
        workspace = self.run_smoke(self.workspace())
        folder = workspace / "store/blobs.v1/00"
        folder.mkdir(exist_ok=True)
        first, last = (folder / ("00" + f"{number:062x}")
                       for number in (0, 29999))
        for number in range(30000):
            (folder / ("00" + f"{number:062x}")).touch()
        named = set(self.files(workspace)) - {
            str(path.relative_to(workspace)) for path in folder.iterdir()}
        job = start("gc", "-w", workspace, "--max-size", "0")
        wait_for(lambda: not first.exists(), 60, "it has begun to remove")
        job.kill()
        job.communicate()
        self.assertEqual(job.returncode, -signal.SIGKILL)
        self.assertTrue(last.exists(), "it was over too early")
        # Said to be removed, and still there.
        self.assertGreater(select(workspace, "select count(*) from blob where "
                                  "removed is not null")[0][0], 0)
        self.assertLessEqual(named, set(self.files(workspace)))
        self.run_smoke(workspace, *GROWN)
        self.assertEqual(same_rows(workspace), same_rows(whole))
        self.gc(workspace)
        self.assertEqual(select(workspace, "select count(*) from trials "
                                "where state = 'done'"), [(6,)])
        done = besom("run", SMOKE, "-w", workspace, *GROWN)
        self.assertIn("nothing to do", done.stdout)

    def test_without_a_workspace(self):
        missing = self.workspace()
        refused = self.gc(missing, code=2)
        self.assertIn("there is no workspace here", refused.stderr)
        self.assertFalse(missing.exists())
        self.gc(missing, "--max-size", "5X", code=2)
        self.gc(missing, "--keep", "some", code=2)


if __name__ == "__main__":
    unittest.main()
