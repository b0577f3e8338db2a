"""Two runs at once in one workspace, of sweeps that have tasks in common."""

import os
import signal
import tempfile
import unittest
from pathlib import Path

from besom_process import ROOT, besom, same_rows
from ledger import Checkpoint, Ledger
from marked_job import Job, poll

SPEC = ROOT / "tests/fault/campaign.yaml"
# Two thirds of the trials of each are trials of the other one, too.
FIRST = ["--set", "name=first",
         "--set", "parameters.model.dropout={values: [0.2, 0.4, 0.6]}"]
SECOND = ["--set", "name=second",
          "--set", "parameters.model.dropout={values: [0.4, 0.6, 0.8]}"]


class SharedWorkspace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        reference = Path(cls.folder.name) / "one-after-the-other"
        for options in (FIRST, SECOND):
            done = besom("run", SPEC, "-w", reference, "-n", "2", "--progress",
                         "none", *options)
            assert done.returncode == 0, done.stderr
        cls.rows = same_rows(reference)
        cls.tasks = set(Ledger(reference).keys("begin"))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def setUp(self):
        self.workspace = Path(tempfile.mkdtemp(dir=self.folder.name)) / "runs"
        self.ledger = Ledger(self.workspace)

    def start(self, options):
        return Job("besom", 2, SPEC, self.workspace, "--progress", "none",
                   *options)

    def end(self, job):
        self.assertEqual(job.wait(180), 0, job.messages())

    def test_each_shared_task_is_computed_once(self):
        with self.start(FIRST) as first, self.start(SECOND) as second:
            self.end(first)
            self.end(second)
        begun = self.ledger.keys("begin")
        self.assertEqual(set(begun), self.tasks)
        self.assertEqual({k: n for k, n in begun.items() if n > 1}, {})
        self.assertEqual(same_rows(self.workspace), self.rows)

    def test_the_other_one_takes_over_what_a_killed_run_had_claimed(self):
        with self.start(FIRST) as first, self.start(SECOND) as second:
            goal = len(self.tasks) // 3
            self.assertTrue(poll(
                lambda: sum(self.ledger.keys("begin").values()) >= goal
                or not first.alive(), 60))
            self.assertTrue(first.alive(), "it was over too early")
            for pid in first.pids():
                os.kill(pid, signal.SIGKILL)
            killed = Checkpoint(self.workspace, running=True)
            self.assertEqual(first.survivors(3), [])
            self.end(second)
        with self.start(FIRST) as first:
            self.end(first)
        self.assertEqual(killed.repeated(), set())
        again = {k for k, n in self.ledger.keys("begin").items() if n > 1}
        self.assertLessEqual(again, set(killed.begun) - killed.committed)
        self.assertEqual(same_rows(self.workspace), self.rows)


if __name__ == "__main__":
    unittest.main()
