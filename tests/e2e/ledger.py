"""What was begun, ended and committed in a workspace: who did what twice.

Every rank appends to a trace outside of the database, logs/RUN.rankN.jsonl:
{"begin": KEY, ...} when it starts a task, {"end": KEY, ...} when the task's
results are in the store. Rank 0 commits later; the table `action` tells.
"""

import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from pathlib import Path


def lines_of(path, offset=0):
    """The whole lines from `offset` on; a killed rank may leave half a one."""
    with open(path, "rb") as file:
        file.seek(offset)
        text = file.read()
    return [json.loads(line) for line in text.split(b"\n")[:-1] if line]


class Ledger:
    def __init__(self, workspace):
        self.workspace = Path(workspace)

    def traces(self):
        return sorted(self.workspace.glob("logs/*.rank*.jsonl"))

    def position(self):
        """Where the traces end now."""
        if not self.traces():
            return {"attempts": len(self.attempts())}
        return {path: path.stat().st_size for path in self.traces()}

    def attempts(self):
        """The keys of attempts that have ended, in order: what a workspace
        without traces has."""
        try:
            connection = sqlite3.connect(
                f"file:{self.workspace}/besom.db?mode=ro", uri=True, timeout=30)
        except sqlite3.Error:
            return []
        try:
            return [key for (key,) in connection.execute(
                "select key from attempt where stage <> 'scan' order by "
                "attempt_id")]
        except sqlite3.Error:
            return []
        finally:
            connection.close()

    def keys(self, what, since=None):
        """How often each key stands in the traces as "begin" or "end"."""
        if not self.traces():
            return Counter(self.attempts()[(since or {}).get("attempts", 0):])
        counts = Counter()
        for path in self.traces():
            for line in lines_of(path, (since or {}).get(path, 0)):
                if what in line:
                    counts[line[what]] += 1
        return counts

    def committed(self, running=False):
        """The keys of all committed tasks.

        Of a workspace that nobody uses a copy is read, so that looking does
        not repair what a crash left behind.
        """
        database = self.workspace / "besom.db"
        if running:
            return self._committed_in(database)
        with tempfile.TemporaryDirectory() as folder:
            for file in self.workspace.glob("besom.db*"):
                shutil.copy(file, folder)
            return self._committed_in(Path(folder) / "besom.db")

    @staticmethod
    def _committed_in(database):
        if not database.exists():
            return set()
        connection = sqlite3.connect(database, timeout=30)
        try:
            return {key for (key,) in
                    connection.execute("select key from action")}
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return set()
            raise
        finally:
            connection.close()

    def stages(self):
        connection = sqlite3.connect(self.workspace / "besom.db", timeout=30)
        try:
            return dict(connection.execute("select key, stage from action"))
        finally:
            connection.close()


class Checkpoint:
    """The state right after a kill.

    Invariant: what is in `committed` when the traces are as long as `position`
    is never begun later. (The database is read first.)
    """

    def __init__(self, workspace, running):
        self.ledger = Ledger(workspace)
        self.committed = self.ledger.committed(running)
        self.position = self.ledger.position()
        self.begun = self.ledger.keys("begin")
        self.ended = self.ledger.keys("end")

    def running(self):
        """Keys that were begun and neither ended nor committed."""
        return set(self.begun) - set(self.ended) - self.committed

    def lost(self):
        """Keys with an uncommitted begin that had to be begun again."""
        later = self.ledger.keys("begin", self.position)
        return (set(self.begun) - self.committed) & set(later)

    def redone(self):
        """The lost ones whose results were in the store already."""
        return self.lost() & set(self.ended)

    def repeated(self):
        """Committed keys that were begun again: must be none."""
        return self.committed & set(self.ledger.keys("begin", self.position))
