"""What was begun, ended and committed in a workspace: who did what twice.

Every rank appends to a trace outside of the database, logs/RUN.rankN.jsonl:
{"begin": KEY, ...} when it starts a task; {"end": KEY, "report": {...}} when
it ended, with code 0 when its results are in the store. Rank 0 commits later;
the table `action` tells.
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
        return {path: path.stat().st_size for path in self.traces()}

    def stored(self):
        """The keys of the tasks whose results reached the store."""
        return {line["end"] for path in self.traces()
                for line in lines_of(path)
                if "end" in line and line["report"]["code"] == 0}

    def keys(self, what, since=None):
        """How often each key stands in the traces as "begin" or "end"."""
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
        self.stored = self.ledger.stored()

    def running(self):
        """Keys that were begun and neither ended nor committed."""
        return set(self.begun) - set(self.ended) - self.committed

    def lost(self):
        """Keys with an uncommitted begin that had to be begun again."""
        later = self.ledger.keys("begin", self.position)
        return (set(self.begun) - self.committed) & set(later)

    def redone(self):
        """The lost ones whose results were in the store already."""
        return self.lost() & self.stored

    def repeated(self):
        """Committed keys that were begun again: must be none."""
        return self.committed & set(self.ledger.keys("begin", self.position))
