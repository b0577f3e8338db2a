"""The campaign's bookkeeping: what it calls lost, repeated and committed."""

import json
import sqlite3
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from ledger import Checkpoint, Ledger  # noqa: E402


class LedgerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.workspace = Path(folder.name)
        (self.workspace / "logs").mkdir()

    def trace(self, rank, *lines, run="run", torn=""):
        path = self.workspace / f"logs/{run}.rank{rank}.jsonl"
        with open(path, "a") as file:
            for what, key in lines:
                record = {what.split()[0]: key}
                if what.startswith("end"):
                    record["report"] = {"code": int("badly" in what)}
                file.write(json.dumps(record) + "\n")
            file.write(torn)

    def commit(self, *keys):
        with sqlite3.connect(self.workspace / "besom.db") as connection:
            connection.execute("create table if not exists action(key, stage)")
            connection.executemany("insert into action values (?, 'split')",
                                   [(key,) for key in keys])
        connection.close()

    def checkpoint(self):
        return Checkpoint(self.workspace, running=False)

    def test_counts_over_ranks_and_runs(self):
        self.trace(0, ("begin", "a"), ("end", "a"))
        self.trace(1, ("begin", "a"), ("begin", "b"))
        self.trace(0, ("begin", "a"), run="other")
        ledger = Ledger(self.workspace)
        self.assertEqual(ledger.keys("begin"), {"a": 3, "b": 1})
        self.assertEqual(ledger.keys("end"), {"a": 1})

    def test_half_a_line_is_none(self):
        self.trace(0, ("begin", "a"), torn='{"begin": "b')
        self.assertEqual(Ledger(self.workspace).keys("begin"), {"a": 1})

    def test_a_task_is_lost_only_when_it_is_begun_again(self):
        self.trace(0, ("begin", "a"), ("end", "a"), ("begin", "b"))
        self.trace(1, ("begin", "c"), ("end", "c"))
        self.commit("a")
        killed = self.checkpoint()
        self.assertEqual(killed.running(), {"b"})
        self.assertEqual(killed.lost(), set())
        self.trace(0, ("begin", "b"), ("begin", "d"), run="resumed")
        self.assertEqual(killed.lost(), {"b"})
        self.assertEqual(killed.redone(), set())
        self.assertEqual(killed.repeated(), set())

    def test_what_was_stored_and_is_begun_again_is_redone(self):
        self.trace(0, ("begin", "a"), ("end", "a"))
        killed = self.checkpoint()
        self.trace(0, ("begin", "a"), run="resumed")
        self.assertEqual(killed.redone(), {"a"})
        self.assertEqual(killed.lost(), {"a"})
        self.assertEqual(killed.repeated(), set())

    def test_what_ended_badly_is_not_stored(self):
        self.trace(0, ("begin", "a"), ("end badly", "a"))
        killed = self.checkpoint()
        self.trace(0, ("begin", "a"), run="resumed")
        self.assertEqual(killed.running(), set())
        self.assertEqual(killed.lost(), {"a"})
        self.assertEqual(killed.redone(), set())

    def test_a_committed_task_begun_again_is_repeated(self):
        self.trace(0, ("begin", "a"), ("end", "a"))
        self.commit("a")
        killed = self.checkpoint()
        self.trace(0, ("begin", "a"))  # In the same file, after the kill.
        self.assertEqual(killed.repeated(), {"a"})
        self.assertEqual(killed.lost(), set())

    def test_a_workspace_without_database_has_nothing_committed(self):
        self.trace(0, ("begin", "a"))
        self.assertEqual(self.checkpoint().committed, set())
        self.commit()
        self.assertEqual(self.checkpoint().committed, set())


if __name__ == "__main__":
    unittest.main()
