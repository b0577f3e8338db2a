"""Blobs that are flipped, cut short or gone: found, told, computed again."""

import os
import tempfile
import unittest
from pathlib import Path

from besom_process import EXAMPLES, besom, same_rows, select
from ledger import Ledger
from marked_job import Job, poll

SMOKE = EXAMPLES / "smoke.yaml"
# Trials that the first run did not have; they read the stored features.
GROWN = ["--set", "parameters.model.dropout={values: [0.2, 0.5, 0.7]}"]
# Long enough to be hit while its heads are trained.
LONG = ["--set", "train.epochs=400", "--set", "train.batch_size=2"]


def flip(path, at=None):
    with open(path, "r+b") as file:
        file.seek(path.stat().st_size // 2 if at is None else at)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0x10]))


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    os.truncate(path, 0)


DAMAGES = [flip, cut, empty, Path.unlink]


def blobs_of(workspace, stage):
    """The files that this stage's tasks left, in the order of their keys."""
    digests = select(workspace, "select b.digest from blob b join action a "
                     f"on a.key = b.key where a.stage = '{stage}' order by a.key")
    return [next((workspace / "store").glob(f"blobs.v*/{digest[:2]}/{digest}"))
            for (digest,) in digests]


class DamagedStore(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def workspace(self):
        return Path(tempfile.mkdtemp(dir=self.folder.name)) / "runs"

    def run_smoke(self, workspace, *options):
        done = besom("run", SMOKE, "-w", workspace, "--progress", "none",
                     *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def told_of(self, workspace, blob):
        """Events that name the damaged blob."""
        return select(workspace, "select kind, text from events where "
                      f"text like '%{blob.name}%'")

    def grown_after(self, damage, stage, *options):
        workspace = self.workspace()
        self.run_smoke(workspace)
        blob = blobs_of(workspace, stage)[0]
        damage(blob)
        self.run_smoke(workspace, *GROWN, *options)
        self.assertTrue(self.told_of(workspace, blob), (damage, stage))
        return same_rows(workspace)

    def test_damaged_features_between_two_runs(self):
        reference = self.workspace()
        self.run_smoke(reference, *GROWN)
        rows = same_rows(reference)
        for number, damage in enumerate(DAMAGES):
            with self.subTest(damage=damage.__name__):
                ranks = str(1 + number % 2)
                self.assertEqual(
                    self.grown_after(damage, "features", "-n", ranks), rows)

    def test_damaged_features_and_what_they_were_made_of(self):
        reference = self.workspace()
        self.run_smoke(reference, *GROWN)
        workspace = self.workspace()
        self.run_smoke(workspace)
        for stage in ("ingest", "features"):
            for blob in blobs_of(workspace, stage):
                flip(blob)
        self.run_smoke(workspace, *GROWN)
        self.assertEqual(same_rows(workspace), same_rows(reference))

    def test_pixels_that_no_task_reads_are_not_read(self):
        reference = self.workspace()
        self.run_smoke(reference, *GROWN, "--set", "name=other")
        workspace = self.workspace()
        self.run_smoke(workspace)
        blob = blobs_of(workspace, "ingest")[0]
        flip(blob)
        before = blob.stat()
        self.run_smoke(workspace, *GROWN, "--set", "name=other")
        self.assertEqual(self.told_of(workspace, blob), [])
        self.assertEqual(blob.stat().st_ino, before.st_ino)
        images = ("select path, width, height, mode from images "
                  "where sweep = 'other' order by path")
        self.assertEqual(select(workspace, images), select(reference, images))

    def test_a_damaged_table_of_pixels(self):
        workspace = self.workspace()
        self.run_smoke(workspace)
        blob = blobs_of(workspace, "ingest")[0]
        flip(blob, at=200)
        self.run_smoke(workspace, *GROWN, "--set", "name=other")
        self.assertTrue(self.told_of(workspace, blob))
        self.run_smoke(workspace, *GROWN, "--set", "name=third")

    def test_damage_while_the_heads_are_trained(self):
        reference = self.workspace()
        self.run_smoke(reference, *LONG)
        rows = same_rows(reference)
        for damage in (cut, empty, Path.unlink):
            with self.subTest(damage=damage.__name__):
                workspace = self.workspace()
                with Job("besom", 2, SMOKE, workspace, *LONG) as job:
                    trained = lambda: select(
                        workspace, "select count(*) from attempts where "
                        "stage = 'fine_tune'")[0][0]
                    self.assertTrue(poll(
                        lambda: Ledger(workspace).committed(running=True)
                        and trained() or not job.alive(), 60))
                    self.assertTrue(job.alive(), job.messages())
                    for blob in blobs_of(workspace, "features"):
                        damage(blob)
                    self.assertEqual(job.wait(120), 0, job.messages())
                self.assertEqual(same_rows(workspace), rows)


if __name__ == "__main__":
    unittest.main()
