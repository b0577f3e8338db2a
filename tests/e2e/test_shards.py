"""Shards of one sweep: together they are one run, whatever happens to them."""

import fcntl
import os
import re
import resource
import shutil
import signal
import sqlite3
import struct
import tempfile
import time
import unittest
from pathlib import Path

from besom_process import (besom, children_of, is_alive, same_rows,
                           select, start, wait_for)
from ledger import Ledger
from smoke_case import SMOKE, SmokeCase

K = 3
# Long enough to be met while it runs: each trial trains for long.
LONG = ["--set", "train.epochs=20000"]
# What a run leaves that tells of its work, but not of when and where.
WORK = ("select 1, stage, key, coalesce(trial, ''), outcome from attempt "
        "union all select 2, stage, key, cached, '' from task "
        "union all select 3, stage, key, label, '' from action "
        "union all select 4, port, key, digest, size from blob")


class Shards(SmokeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = SmokeCase()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.reference = case.run_smoke(case.workspace(), "--progress", "none")
        cls.rows = same_rows(cls.reference)

    def shard(self, workspace, index, *more, count=K, code=0):
        done = besom("run", SMOKE, "-w", workspace, "--shard",
                     f"{index}/{count}", "--progress", "none", *more)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def start_shard(self, workspace, index, *more):
        process = start("run", SMOKE, "-w", workspace, "--shard",
                        f"{index}/{K}", "--progress", "none", *more)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        for pid in [process.pid, *children_of(process.pid)]:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        process.communicate()

    def kill(self, process):
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def finish(self, process, code=0):
        _, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, code, errors)

    def status(self, workspace, code):
        done = besom("status", "-w", workspace, "--exit-code")
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def parts(self, workspace):
        return sorted(path.name for path in workspace.glob("parts/*/*.db"))

    def committed(self, workspace, index):
        """The tasks in a part; a copy is read, so that nothing is repaired."""
        files = list(workspace.glob(f"parts/*/{index}-of-{K}.db*"))
        with tempfile.TemporaryDirectory() as folder:
            try:
                for file in files:
                    shutil.copy(file, folder)
                with sqlite3.connect(
                        Path(folder) / f"{index}-of-{K}.db") as connection:
                    return {key for key, in connection.execute(
                        "select key from action")}
            except (OSError, sqlite3.Error):
                return set()  # It is just beginning.

    def check_is_one_run(self, workspace):
        self.assertEqual(same_rows(workspace), self.rows)
        self.assertEqual(sorted(select(workspace, WORK)),
                         sorted(select(self.reference, WORK)))
        for view in ("images", "audit", "comparisons"):
            self.assertEqual(sorted(select(workspace, f"select * from {view}"),
                                    key=str),
                             sorted(select(self.reference,
                                           f"select * from {view}"), key=str))
        self.assertFalse(list(workspace.glob("parts/*")))
        begun = Ledger(workspace).keys("begin")
        self.assertEqual({k: n for k, n in begun.items() if n > 1}, {})

    def test_all_at_once_are_one_run(self):
        workspace = self.workspace()
        for process in [self.start_shard(workspace, i) for i in range(K)]:
            self.finish(process)
        self.check_is_one_run(workspace)
        self.status(workspace, 0)
        # Nothing is left, for whoever asks.
        self.assertIn("nothing to do", self.shard(workspace, 1).stdout)
        self.assertFalse(self.parts(workspace))

    def test_one_after_the_other_and_read_in_between(self):
        workspace = self.workspace()
        self.shard(workspace, 0)
        self.assertEqual(self.parts(workspace), ["0-of-3.db"])
        text = self.status(workspace, 3)
        self.assertIn("4 trials: 2 done, 2 pending", text)
        self.assertIn("shard 0/3: 2 trials: 2 done\n", text)
        self.assertIn("shard 1/3: not begun\n", text)
        done = besom("query", "select count(*) from trials where state = 'done'",
                     "-f", "csv", "-w", workspace)
        self.assertEqual(done.stdout.split()[-1], "0")
        self.assertIn("1 part of shards is not merged", done.stderr)
        # What no other blob names is in use all the same.
        before = set(workspace.glob("store/blobs.v1/*/*"))
        collected = besom("gc", "-w", workspace, "--keep", "best")
        self.assertEqual(collected.returncode, 0, collected.stderr)
        self.assertEqual(set(workspace.glob("store/blobs.v1/*/*")), before)
        self.shard(workspace, 2)
        # A run of the whole takes over what two shards did, and goes on.
        self.run_smoke(workspace, "--progress", "none")
        self.check_is_one_run(workspace)
        self.status(workspace, 0)

    def part_states(self, workspace, index):
        part = workspace / f"parts/smoke/{index}-of-{K}.db"
        if not part.exists():
            return []
        try:
            with sqlite3.connect(f"file:{part}?mode=ro", uri=True,
                                 timeout=10) as connection:
                return [state for state, in connection.execute(
                    "select state from trials where planned")]
        except sqlite3.Error:
            return []  # It is just beginning.

    def test_killed_before_it_merges_it_is_started_again_by_slurm(self):
        workspace = self.workspace()
        self.shard(workspace, 0)
        self.shard(workspace, 1)
        last = self.start_shard(workspace, 2)
        wait_for(lambda: self.part_states(workspace, 2), 60, "its part")
        with (workspace / "store/locks/smoke.parts.lock").open("r+b") as lock:
            whole = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)

            def hold():
                try:
                    fcntl.fcntl(lock, fcntl.F_OFD_SETLK, whole)
                    return True
                except OSError:
                    return False
            wait_for(hold, 60, "the lock of parts")
            wait_for(lambda: set(self.part_states(workspace, 2)) == {"done"},
                     60, "the end of its trials")
            self.assertIsNone(last.poll())
            self.kill(last)
        # A stand-in for Slurm: the job runs and has time.
        programs = Path(self.folder.name) / "bin"
        programs.mkdir()
        (programs / "scontrol").write_text(
            "#!/bin/sh\necho JobId=7 JobState=RUNNING Requeue=1\n")
        (programs / "scontrol").chmod(0o755)
        after = besom("submit", SMOKE, "-w", workspace, "--shard", f"2/{K}",
                      "--after-job", "137", SLURM_JOB_ID="9",
                      SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID="2",
                      PATH=f"{programs}:{os.environ['PATH']}")
        self.assertEqual(after.returncode, 75, after.stderr)
        self.shard(workspace, 2)
        self.check_is_one_run(workspace)

    def test_under_mpirun(self):
        workspace = self.workspace()
        for index in range(K):
            self.shard(workspace, index, "-n", 2)
        self.check_is_one_run(workspace)

    def test_another_number_of_shards_goes_on_with_what_is_there(self):
        workspace = self.workspace()
        self.shard(workspace, 0)
        for index in (1, 0):
            self.shard(workspace, index, count=2)
        self.check_is_one_run(workspace)
        self.assertEqual(besom("run", SMOKE, "-w", workspace, "--shard",
                               "2/2").returncode, 2)

    def test_killed_and_kept_out(self):
        workspace = self.workspace()
        running = self.start_shard(workspace, 0, *LONG)
        wait_for(lambda: re.search(
            "shard 0/3: 2 trials: 2 running; run on .*, pid",
            besom("status", "-w", workspace).stdout), 60, "the shard trains")
        # It lives, and does not end meanwhile.
        os.kill(running.pid, signal.SIGSTOP)
        for arguments, code, words in (
                (["--shard", "0/3"], 3, r"shard 0/3.*already running.*pid"),
                ([], 3, r"shard 0/3.*already running.*pid"),
                (["--shard", "0/2"], 2, r"shard 0/3.*another number")):
            done = besom("run", SMOKE, "-w", workspace, *LONG, *arguments)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertRegex(done.stderr, re.compile(words, re.S))
        done = besom("gc", "-w", workspace)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("smoke.0-of-3", done.stderr)
        self.kill(running)
        # Of another spec, and dead: it is merged, and its trials stay as rows.
        self.shard(workspace, 0)
        self.shard(workspace, 1)
        self.shard(workspace, 2)
        planned = select(workspace, "select state, count(*) from trial "
                                    "where planned group by state")
        self.assertEqual(planned, [("done", 4)])

    def test_killed_and_resumed(self):
        workspace = self.workspace()
        killed = self.start_shard(workspace, 1)
        wait_for(lambda: len(self.committed(workspace, 1)) > 3 or
                 killed.poll() is not None, 60, "the shard computes")
        self.kill(killed)
        ledger, kept = Ledger(workspace), self.committed(workspace, 1)
        position = ledger.position()
        for process in [self.start_shard(workspace, i) for i in range(K)]:
            self.finish(process)
        self.assertEqual(same_rows(workspace), self.rows)
        self.assertFalse(self.parts(workspace))
        self.assertEqual(kept & set(ledger.keys("begin", position)), set())

    def test_what_a_killed_run_of_the_whole_finished_is_not_done_again(self):
        workspace = self.workspace()
        self.run_smoke(workspace, "--progress", "none")
        # As if it had been killed before it committed its last tasks.
        with sqlite3.connect(workspace / "besom.db") as connection:
            connection.executescript("""
                pragma foreign_keys = on;
                delete from action where stage in ('fine_tune', 'evaluate');
                delete from fit; delete from metric; delete from confusion;
                update trial set state = 'running';
                update run set ended = null, outcome = null;""")
        self.shard(workspace, 0, count=1)
        begun = Ledger(workspace).keys("begin")
        self.assertEqual({k: n for k, n in begun.items() if n > 1}, {})
        self.assertEqual(same_rows(workspace), self.rows)
        self.assertEqual(
            select(workspace, "select * from run where ended is null"), [])
        self.assertNotIn("without an end", self.status(workspace, 0))

    def test_a_shard_knows_how_long_tasks_took_in_the_workspace(self):
        workspace = self.workspace()
        self.run_smoke(workspace, "--progress", "none")
        with sqlite3.connect(workspace / "besom.db") as connection:
            connection.execute("update action set seconds = 1000 "
                               "where stage = 'fine_tune'")
        self.shard(workspace, 0, "--set", "train.epochs=4", "--end-by",
                   time.time() + 30, count=1, code=3)
        self.assertEqual(self.parts(workspace), ["0-of-1.db"])
        with sqlite3.connect(
                next(workspace.glob("parts/*/0-of-1.db"))) as connection:
            self.assertIn(("held_back",), connection.execute(
                "select kind from event").fetchall())

    def test_more_shards_than_files_may_be_open(self):
        workspace = self.workspace()
        self.shard(workspace, 0)
        few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        locks = next(workspace.glob("**/smoke.0-of-3.lock")).parent
        for index in range(400):
            (locks / f"smoke.{index}-of-400.lock").touch()
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (few, most))
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, most))
        self.run_smoke(workspace, "--progress", "none")
        self.check_is_one_run(workspace)

    def test_without_an_audit_the_one_before_is_cleared(self):
        workspace = self.workspace()
        self.run_smoke(workspace, "--progress", "none")
        audit = "select * from audit"
        self.assertTrue(select(workspace, audit))
        self.shard(workspace, 0, "--set", "evaluate.audit=false", count=1)
        self.assertFalse(self.parts(workspace))
        self.assertEqual(select(workspace, audit), [])


if __name__ == "__main__":
    unittest.main()
