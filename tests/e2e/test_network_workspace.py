"""A workspace on what seems to be a network file system."""

import ctypes
import os
import sqlite3
import struct
import tempfile
import unittest
from pathlib import Path

from besom_process import ROOT, attempts_done, besom, same_rows, select
from marked_job import Job, poll

SPEC = ROOT / "tests/fault/campaign.yaml"
IN_CREATE = 0x100


class MadeFiles:
    """The names of all files made in a folder from now on, by the kernel's
    word: what lives for a moment only is among them."""

    def __init__(self, folder):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK)
        watch = self.libc.inotify_add_watch(self.fd, os.fsencode(folder),
                                            IN_CREATE)
        assert self.fd >= 0 and watch >= 0, os.strerror(ctypes.get_errno())

    def names(self):
        found = set()
        while True:
            try:
                events = os.read(self.fd, 1 << 20)
            except BlockingIOError:
                return found
            while events:
                length = struct.unpack_from("iIII", events)[3]
                found.add(os.fsdecode(events[16:16 + length].rstrip(b"\0")))
                events = events[16 + length:]

    def close(self):
        os.close(self.fd)


class NetworkWorkspace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        local = Path(cls.folder.name) / "local"
        done = besom("run", SPEC, "-w", local, "--progress", "none")
        assert done.returncode == 0, done.stderr
        cls.rows = same_rows(local)
        cls.local = local

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def setUp(self):
        self.workspace = Path(tempfile.mkdtemp(dir=self.folder.name))
        self.network = {"LD_PRELOAD": os.environ["BESOM_NETWORK_DISK"],
                        "BESOM_NETWORK_PATHS": str(self.workspace)}
        self.made = MadeFiles(self.workspace)
        self.addCleanup(self.made.close)

    def run_it(self, *options):
        return besom("run", SPEC, "-w", self.workspace, "--progress", "none",
                     *options, **self.network)

    def read(self, *words):
        done = besom(*words, "-w", self.workspace, **self.network)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def check(self):
        """A rollback journal was used, a log never."""
        names = self.made.names()
        self.assertIn("besom.db-journal", names)
        self.assertEqual([name for name in names
                          if name.endswith(("-wal", "-shm"))], [])
        self.assertEqual(select(self.workspace, "pragma journal_mode"),
                         [("delete",)])
        self.assertEqual(same_rows(self.workspace), self.rows)

    def test_a_run_and_its_readers(self):
        with Job("besom", 2, SPEC, self.workspace, "--progress", "none",
                 **self.network) as job:
            self.assertTrue(poll(lambda: attempts_done(self.workspace) > 0
                                 or not job.alive(), 120))
            counts = []
            while job.alive():
                self.read("status")
                counts.append(int(self.read(
                    "query", "select count(*) from attempts", "-f", "csv"
                ).split()[1]))
            self.assertEqual(job.wait(60), 0, job.messages())
        self.assertGreater(len(set(counts)), 1, counts)
        self.assertEqual(counts, sorted(counts))
        self.check()

    def test_a_killed_run_is_gone_on_with(self):
        with Job("besom", 2, SPEC, self.workspace, "--progress", "none",
                 **self.network) as job:
            self.assertTrue(poll(lambda: attempts_done(self.workspace) >= 5
                                 or not job.alive(), 120))
            self.assertTrue(job.alive(), "it was over too early")
            job.end_all()
        # A reader undoes what a killed writer has left half done.
        self.read("status")
        done = self.run_it()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check()

    def test_a_database_from_a_local_disk_loses_its_log(self):
        with sqlite3.connect(self.local / "besom.db") as local:
            copy = sqlite3.connect(self.workspace / "besom.db")
            local.backup(copy)
            copy.execute("pragma journal_mode=wal")
            copy.close()
        self.made.names()
        self.assertIn("campaign", self.read("status"))
        self.assertEqual(select(self.workspace, "pragma journal_mode"),
                         [("delete",)])
        self.assertFalse((self.workspace / "besom.db-wal").exists())
        self.assertEqual(same_rows(self.workspace), self.rows)


if __name__ == "__main__":
    unittest.main()
