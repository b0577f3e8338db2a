"""Sweeps over three simulated hosts, with and without a shared folder."""

import os
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from besom_process import BIN, MPIRUN, besom, environment, same_rows, select
from smoke_case import SMOKE, SmokeCase

HOSTS = Path(__file__).resolve().parent / "hosts.sh"
# Enough that every host gets some, of every stage.
SIZES = ["--set", "train.epochs=3", "--set", "evaluate.bootstrap=50",
         "--set", "split={test: 0.2, validation: 0.2}"]


def weights_file(folder):
    """A copy of pretrained weights, in a folder of its own."""
    found = besom("weights", "path", "efficientnet_lite0").stdout.strip()
    if not Path(found).is_file():
        raise unittest.SkipTest("no weights of efficientnet_lite0 here")
    copy = folder / "weights" / "lite0.safetensors"
    copy.parent.mkdir()
    copy.write_bytes(Path(found).read_bytes())
    return copy


@unittest.skipUnless(os.geteuid() == 0, "simulated hosts need root")
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

    def run_over_hosts(self, workspace, *options, own=()):
        """mpirun on the first host, one rank a host; `own`: folders that are
        empty ones of their own on the others."""
        run = [BIN / "besom", "run", SMOKE, "-w", workspace, *self.settings,
               *options]
        launch = ["--prtemca", "plm_ssh_agent", "$HOSTS_AGENT", "--hostfile",
                  "$HOSTS_FILE", "--mca", "pml", "ob1", "--mca", "btl",
                  "sm,tcp,self", "--map-by", "ppr:1:node"]
        settings = subprocess.run(
            [BIN / "besom", "env"], text=True, stdout=subprocess.PIPE,
            env=environment(BESOM_MPIRUN=MPIRUN), check=True).stdout
        script = (f"{settings}\nexec {MPIRUN} {' '.join(launch)} "
                  + shlex.join(map(str, run)))
        files = Path(tempfile.mkdtemp(dir=self.root))
        apart = [word for path in own for word in ("--own", str(path))]
        return subprocess.run(
            [HOSTS, "run", "3", files, *apart, "bash", "-c", script],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment(), timeout=600)

    def hosts_that_worked(self, workspace, stage):
        return [host for (host,) in select(
            workspace, "select distinct host from attempts where outcome = "
            f"'done' and stage = '{stage}' order by host")]

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


if __name__ == "__main__":
    unittest.main()
