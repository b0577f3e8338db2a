"""A fit that is killed or stopped goes on from where it was."""

import os
import signal
import time
import unittest

from besom_process import besom, same_rows, select, start
from smoke_case import SMOKE, SmokeCase

EPOCHS = 25
# Seconds before a job's end at which work stops (TimeBudget::kMargin).
MARGIN = 9
# One trial that trains its last block, and one head on frozen features.
LONG = ["--set", "parameters={model.unfreeze: {values: [none, block7]}}",
        "--set", "train.base_learning_rate=1.0e-3",
        "--set", f"train.epochs={EPOCHS}",
        "--set", "train.schedule=cosine", "--set", "train.ema=0.9",
        "--set", "limits.checkpoint=0"]


class Checkpoints(SmokeCase):
    def run_until_saved(self, workspace, signal_number, *arguments):
        """Ends a run, by this signal to all its processes, once a checkpoint
        is there."""
        job = start("run", SMOKE, "-w", workspace, *LONG, *arguments)
        folder = workspace / "store/checkpoints.v1"
        try:
            deadline = time.monotonic() + 60
            while not (folder.is_dir() and any(
                    not name.startswith(".") for name in os.listdir(folder))):
                self.assertIsNone(job.poll(), "the run ended before")
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.002)
            os.killpg(job.pid, signal_number)
            job.communicate(timeout=60)
        finally:
            if job.poll() is None:
                os.killpg(job.pid, signal.SIGKILL)
                job.communicate()
        return job.returncode

    def resumed_epochs(self, workspace):
        return [epoch for epoch, in select(
            workspace, "select counters ->> 'resumed_epoch' from action "
            "where stage = 'fine_tune'") if epoch is not None]

    def check_resumed(self, workspace, rows):
        self.run_smoke(workspace, *LONG)
        self.assertEqual(same_rows(workspace), rows)
        epochs = self.resumed_epochs(workspace)
        self.assertTrue(epochs)
        self.assertTrue(all(0 < epoch <= EPOCHS for epoch in epochs), epochs)
        self.assertEqual(os.listdir(workspace / "store/checkpoints.v1"), [])

    def test_killed_and_stopped_fits_end_as_if_nothing_had_happened(self):
        whole = self.workspace()
        self.run_smoke(whole, *LONG)
        self.assertEqual(self.resumed_epochs(whole), [])
        rows = same_rows(whole)

        killed = self.workspace()
        self.run_until_saved(killed, signal.SIGKILL)
        self.check_resumed(killed, rows)

        stopped = self.workspace()
        self.assertEqual(self.run_until_saved(stopped, signal.SIGTERM), 3)
        self.check_resumed(stopped, rows)

    def test_trials_of_two_ranks_go_on_by_one(self):
        together = ["--set", "resources.ranks_per_trial=2"]
        whole = self.workspace()
        self.run_smoke(whole, *LONG, *together)
        killed = self.workspace()
        self.run_until_saved(killed, signal.SIGKILL, *together, "-n", "2")
        self.run_smoke(killed, *LONG, *together)
        self.assertEqual(same_rows(killed), same_rows(whole))
        self.assertTrue(self.resumed_epochs(killed))

    def test_a_chain_of_short_jobs_ends_as_one_long_run(self):
        whole = self.workspace()
        self.run_smoke(whole, *LONG)
        chain = self.workspace()

        def job(seconds):
            """One that ends so long after its work has to stop."""
            end = time.time() + MARGIN + seconds
            run = besom("run", SMOKE, "-w", chain, *LONG,
                        "--end-by", f"{end:.3f}")
            self.assertLess(time.time(), end)
            return run

        # Its time is over when it begins: nothing is started.
        none = job(seconds=0)
        self.assertEqual(none.returncode, 3, none.stderr)
        self.assertIn("the job's time is over", none.stderr)
        self.assertEqual(select(chain, "select count(*) from attempts "
                                "where stage <> 'scan'"), [(0,)])
        seconds = 1
        while (run := job(seconds)).returncode != 0:
            self.assertEqual(run.returncode, 3, run.stderr)
            self.assertLess(seconds, 100, run.stderr)
            seconds *= 1.5
        self.assertEqual(same_rows(chain), same_rows(whole))
        self.assertEqual(select(
            chain, "select count(*) from attempts where outcome = 'done' "
            "group by task having count(*) > 1"), [])


if __name__ == "__main__":
    unittest.main()
