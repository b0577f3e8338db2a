"""A sweep is taken from a run that does not give it up by itself."""

import json
import os
import signal
import sqlite3
import tempfile
import time
import unittest
from pathlib import Path

from besom_process import ROOT, attempts_done, besom, same_rows, select
from ledger import Ledger
from marked_job import Job, poll

SPEC = ROOT / "tests/fault/campaign.yaml"
# Long enough to be met in the middle.
OPTIONS = ["--progress", "none", "--set", "evaluate.bootstrap=30000"]


def whole_text(workspace):
    """The results, byte by byte, and what is known of tasks and trials."""
    tables = ["trial", "fit", "metric", "prediction", "action", "blob", "task",
              "claim", "criterion"]
    with sqlite3.connect(Path(workspace) / "besom.db") as connection:
        return {table: sorted(map(repr, connection.execute(
            f"select * from {table}"))) for table in tables}


def is_stopped(pid):
    stat = Path(f"/proc/{pid}/stat").read_text()
    return stat.rsplit(")", 1)[1].split()[0] == "T"


class StoppedRun(unittest.TestCase):
    """What a test needs that stops a run and takes its sweep."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        reference = Path(cls.folder.name) / "undisturbed"
        done = besom("run", SPEC, "-w", reference, *OPTIONS)
        assert done.returncode == 0, done.stderr
        cls.rows = same_rows(reference)
        cls.host = select(reference, "select host from runs")[0][0]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def setUp(self):
        self.workspace = Path(tempfile.mkdtemp(dir=self.folder.name)) / "runs"

    def start(self, ranks=1, **env):
        return Job("besom", ranks, SPEC, self.workspace, *OPTIONS, **env)

    def run_it(self, *options, **env):
        return besom("run", SPEC, "-w", self.workspace, *OPTIONS, *options,
                     **env)

    def database_is_free(self):
        connection = sqlite3.connect(self.workspace / "besom.db", timeout=0)
        try:
            connection.execute("begin immediate")
            connection.rollback()
            return True
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()

    def stop_in_the_middle(self, job, pids):
        """Stops the processes at a moment when none is inside a transaction,
        which would keep everybody out."""
        self.assertTrue(poll(lambda: attempts_done(self.workspace) >= 5
                             or not job.alive(), 120))
        while True:
            self.assertTrue(job.alive(), "it was over too early")
            for pid in pids():
                os.kill(pid, signal.SIGSTOP)
            self.assertTrue(poll(lambda: all(map(is_stopped, pids())), 10))
            if self.database_is_free():
                return
            for pid in pids():
                os.kill(pid, signal.SIGCONT)
            time.sleep(0.01)


class Steal(StoppedRun):
    def test_a_stopped_run_is_robbed_and_changes_nothing_any_more(self):
        with self.start() as robbed:
            pid = robbed.process.pid
            self.stop_in_the_middle(robbed, lambda: [pid])
            refused = self.run_it()
            self.assertEqual(refused.returncode, 3, refused.stderr)
            self.assertIn(f"host {self.host}, pid {pid}", refused.stderr)
            self.assertIn("--steal", refused.stderr)

            stolen = self.run_it("--steal")
            self.assertEqual(stolen.returncode, 0, stolen.stderr)
            self.assertEqual(same_rows(self.workspace), self.rows)
            events = select(self.workspace, "select text from events where "
                            "kind = 'run_taken_over'")
            self.assertEqual(len(events), 1)
            event = json.loads(events[0][0])
            self.assertEqual((event["host"], event["pid"], event["why"]),
                             (self.host, pid, "--steal"))
            before = whole_text(self.workspace)

            os.kill(pid, signal.SIGCONT)
            self.assertEqual(robbed.wait(60), 3, robbed.messages())
            self.assertIn("taken", robbed.messages())
        self.assertEqual(whole_text(self.workspace), before)
        self.assertEqual(self.run_it().returncode, 0)

    def test_what_the_robbed_run_had_committed_is_not_computed_again(self):
        ledger = Ledger(self.workspace)
        with self.start() as robbed:
            pid = robbed.process.pid
            self.stop_in_the_middle(robbed, lambda: [pid])
            committed = ledger.committed(running=True)
            position = ledger.position()
            self.assertEqual(self.run_it("--steal").returncode, 0)
            again = set(ledger.keys("begin", position))
            self.assertEqual(again & committed, set())
            self.assertTrue(again)
            os.kill(pid, signal.SIGCONT)
            self.assertEqual(robbed.wait(60), 3, robbed.messages())

    def test_a_run_robbed_while_it_lives_ends_at_once(self):
        with self.start(2) as robbed:
            self.assertTrue(poll(lambda: attempts_done(self.workspace) >= 5
                                 or not robbed.alive(), 120))
            self.assertTrue(robbed.alive(), "it was over too early")
            stolen = self.run_it("--steal")
            self.assertEqual(stolen.returncode, 0, stolen.stderr)
            self.assertEqual(robbed.wait(60), 3, robbed.messages())
            self.assertEqual(robbed.survivors(10), [])
        self.assertEqual(same_rows(self.workspace), self.rows)

    def test_stealing_from_nobody_is_an_ordinary_run(self):
        self.assertEqual(self.run_it("--steal").returncode, 0)
        self.assertEqual(same_rows(self.workspace), self.rows)
        self.assertEqual(select(self.workspace, "select count(*) from events "
                                "where kind = 'run_taken_over'"), [(0,)])

    def test_waiting_and_stealing_exclude_each_other(self):
        for options in (["--wait", "--steal"], ["--steal", "--wait"]):
            refused = self.run_it(*options)
            self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertFalse(self.workspace.exists())


class Slurm(StoppedRun):
    """The word of a stand-in for Slurm's squeue."""

    def setUp(self):
        super().setUp()
        self.bin = Path(tempfile.mkdtemp(dir=self.folder.name))
        self.state = self.bin / "state"
        squeue = self.bin / "squeue"
        squeue.write_text(f'#!/bin/sh\necho "$*" >> {self.bin}/asked\n'
                          f'cat {self.state}\n')
        squeue.chmod(0o755)
        self.path = f"{self.bin}:{os.environ['PATH']}"

    def elsewhere(self):
        """Makes the lock look like one that another host's server keeps."""
        [lock] = (self.workspace / "store/locks").glob("campaign.lock")
        lock.write_text(lock.read_text().replace(f"host {self.host},",
                                                 "host elsewhere,"))

    def test_a_job_that_is_over_is_robbed_without_a_word(self):
        with self.start(SLURM_JOB_ID="4711") as robbed:
            pid = robbed.process.pid
            self.stop_in_the_middle(robbed, lambda: [pid])
            self.elsewhere()
            self.state.write_text("RUNNING\n")
            refused = self.run_it(PATH=self.path)
            self.assertEqual(refused.returncode, 3, refused.stderr)
            self.assertIn("Slurm job 4711", refused.stderr)
            self.assertIn("-j 4711", (self.bin / "asked").read_text())
            self.state.write_text("NODE_FAIL\n")
            taken = self.run_it(PATH=self.path)
            self.assertEqual(taken.returncode, 0, taken.stderr)
            self.assertEqual(same_rows(self.workspace), self.rows)
            text = select(self.workspace, "select text from events where "
                          "kind = 'run_taken_over'")[0][0]
            self.assertEqual(json.loads(text)["why"], "Slurm job 4711 is over")
            os.kill(pid, signal.SIGCONT)
            self.assertEqual(robbed.wait(60), 3, robbed.messages())
        self.assertEqual(same_rows(self.workspace), self.rows)


class NoLocks(StoppedRun):
    """The file system has no locks: records, Slurm and the user decide."""

    def setUp(self):
        super().setUp()
        self.without = {"LD_PRELOAD": os.environ["BESOM_NO_LOCKS"]}

    def test_a_run_goes_as_ever_and_again_after_its_end(self):
        done = self.run_it("--limit", "3", **self.without)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.run_it(**self.without)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(same_rows(self.workspace), self.rows)

    def test_a_killed_run_is_in_the_way_until_the_user_says_it_is_dead(self):
        with self.start(**self.without) as killed:
            self.assertTrue(poll(lambda: attempts_done(self.workspace) >= 5
                                 or not killed.alive(), 120))
            refused = self.run_it(**self.without)
            self.assertEqual(refused.returncode, 3, refused.stderr)
            self.assertTrue(killed.alive(), "it was over too early")
            killed.process.kill()
            killed.process.wait()
            pid = killed.process.pid
        for options in ([], ["--set", "name=another"]):
            refused = self.run_it(*options, **self.without)
            self.assertEqual(refused.returncode, 3, refused.stderr)
            self.assertIn(f"host {self.host}, pid {pid}", refused.stderr)
            self.assertIn("no locks", refused.stderr)
            self.assertIn("--steal", refused.stderr)
        done = self.run_it("--steal", **self.without)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(select(self.workspace, "select distinct state from "
                                "trials where sweep = 'campaign'"),
                         [("done",)])


if __name__ == "__main__":
    unittest.main()
