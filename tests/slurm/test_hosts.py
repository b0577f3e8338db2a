"""Sweeps over three simulated hosts, with and without a shared folder."""

import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from besom_process import (BIN, MPIRUN, besom, children_of, environment,
                           same_rows, select, wait_for)
from marked_job import ULFM, variables_of
from smoke_case import SMOKE, SmokeCase

HOSTS = Path(__file__).resolve().parent / "hosts.sh"
# Enough that every host gets some, of every stage.
SIZES = ["--set", "train.epochs=3", "--set", "evaluate.bootstrap=50",
         "--set", "split={test: 0.2, validation: 0.2}"]


def weights_file(folder):
    """A copy of pretrained weights, in a folder of its own."""
    found = besom("weights", "path", "efficientnet_lite0").stdout.strip()
    copy = folder / "weights" / "lite0.safetensors"
    copy.parent.mkdir()
    copy.write_bytes(Path(found).read_bytes())
    return copy


class ThreeHosts(SmokeCase):
    def setUp(self):
        super().setUp()
        self.root = Path(self.folder.name)
        self.images, settings = self.draw_images(
            {"clear": 90, "hazy": 120, "dense": 150}, 40)
        self.weights = weights_file(self.root)
        self.settings = [*settings, *SIZES, "--set",
                         f"model.weights={self.weights}"]

    def local_rows(self):
        return same_rows(self.run_smoke(self.workspace(), *self.settings))

    def start_over_hosts(self, workspace, *options, own=(), launch=()):
        """mpirun on the first host, one rank a host; `own`: folders that are
        empty ones of their own on the others."""
        run = [BIN / "besom", "run", SMOKE, "-w", workspace, *self.settings,
               *options]
        launch = [*launch, "--prtemca", "plm_ssh_agent", "$HOSTS_AGENT", "--hostfile",
                  "$HOSTS_FILE", "--mca", "pml", "ob1", "--mca", "btl",
                  "sm,tcp,self", "--map-by", "ppr:1:node"]
        settings = subprocess.run(
            [BIN / "besom", "env"], text=True, stdout=subprocess.PIPE,
            env=environment(BESOM_MPIRUN=MPIRUN), check=True).stdout
        script = (f"{settings}\nexec {MPIRUN} {' '.join(launch)} "
                  + shlex.join(map(str, run)))
        files = Path(tempfile.mkdtemp(dir=self.root))
        apart = [word for path in own for word in ("--own", str(path))]
        return subprocess.Popen(
            [HOSTS, "run", "3", files, *apart, "bash", "-c", script],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment())

    def run_over_hosts(self, workspace, *options, **how):
        """As start_over_hosts, to its end."""
        process = self.start_over_hosts(workspace, *options, **how)
        out, err = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode,
                                           out, err)

    def hosts_that_worked(self, workspace, stage):
        """Sorted; none before there is a database."""
        try:
            return [host for (host,) in select(
                workspace, "select distinct host from attempts where outcome = "
                f"'done' and stage = '{stage}' order by host")]
        except sqlite3.Error:
            return []

    def test_a_folder_that_all_hosts_share(self):
        workspace = self.workspace()
        done = self.run_over_hosts(workspace)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(same_rows(workspace), self.local_rows())
        self.assertEqual(self.hosts_that_worked(workspace, "features"),
                         ["h1", "h2", "h3"])

    def test_folders_that_are_not_shared_are_refused(self):
        workspace = self.workspace()
        done = self.run_over_hosts(workspace, own=[workspace])
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("h2, h3 do not see what h1 writes there", done.stderr)
        self.assertIn("set `store: ranks`", done.stderr)
        self.assertEqual(list(workspace.iterdir()), [])

    def test_without_a_shared_folder_blobs_travel(self):
        workspace = self.workspace()
        done = self.run_over_hosts(
            workspace, "--set", "store=ranks",
            own=[workspace, self.images, self.weights.parent])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(same_rows(workspace), self.local_rows())
        self.assertEqual(self.hosts_that_worked(workspace, "ingest"), ["h1"])
        self.assertEqual(self.hosts_that_worked(workspace, "features"),
                         ["h1", "h2", "h3"])
        # All is with rank 0: a run of its host alone finds nothing to do.
        again = besom("run", SMOKE, "-w", workspace, *self.settings,
                      "--set", "store=ranks")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(select(workspace, "select count(*) from attempts "
                                "where outcome <> 'done'"), [(0,)])

    def test_a_rank_with_a_store_of_its_own_is_lost(self):
        workspace = self.workspace()
        slow = ["--set", "train.epochs=40",
                "--set", "parameters.model.head=[[], [16], [32], [64]]"]
        process = self.start_over_hosts(
            workspace, *slow, "--set", "store=ranks", launch=ULFM,
            own=[workspace, self.images, self.weights.parent])
        wait_for(lambda: "h2" in self.hosts_that_worked(workspace, "features")
                 or process.poll() is not None, 120, "work of h2")
        self.assertIsNone(process.poll(), "it was over too early")
        victim, = (pid for pid in children_of(process.pid)
                   if variables_of(pid).get("OMPI_COMM_WORLD_RANK") == "1")
        os.kill(victim, signal.SIGKILL)
        _, err = process.communicate(timeout=300)
        # The code is mpirun's.
        done = besom("run", SMOKE, "-w", workspace, *self.settings, *slow,
                     "--set", "store=ranks")
        self.assertEqual(done.returncode, 0, err + done.stderr)
        self.assertIn("rank 1 is lost", err)
        self.assertEqual(select(workspace, "select count(*) from events where "
                                "kind = 'rank_lost'"), [(1,)])
        local = self.run_smoke(self.workspace(), *self.settings, *slow)
        self.assertEqual(same_rows(workspace), same_rows(local))


if __name__ == "__main__":
    unittest.main()
