"""A part of the base trained with the head: the same rows however it is run."""

import csv
import io
import signal
import tempfile
import time
import unittest
from pathlib import Path

from besom_process import EXAMPLES, besom, same_rows, select, start

SMOKE = EXAMPLES / "smoke.yaml"
AXES = ["--set", "parameters={}",
        "--set", "parameters.model.unfreeze={values: [none, head, block7, all]}",
        "--set", "train.base_learning_rate=1.0e-3", "--set", "train.epochs=3",
        "--set", "evaluate.predictions=all"]


class Unfreeze(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.workspaces = 0

    def workspace(self):
        self.workspaces += 1
        return Path(self.folder.name) / str(self.workspaces)

    def run_smoke(self, *arguments, workspace=None):
        workspace = workspace or self.workspace()
        done = besom("run", SMOKE, "-w", workspace, *AXES, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return workspace

    def test_rows_do_not_depend_on_ranks_threads_or_a_stop(self):
        workspace = self.run_smoke()
        rows = same_rows(workspace)
        for arguments in (["-n", "2"],
                          ["--set", "resources.threads_per_rank=1"]):
            self.assertEqual(same_rows(self.run_smoke(*arguments)), rows)

        stopped = self.workspace()
        job = start("run", SMOKE, "-w", stopped, *AXES)
        try:
            log = Path(stopped) / "store"
            while job.poll() is None and not log.exists():
                time.sleep(0.02)
            job.send_signal(signal.SIGTERM)
            job.communicate(timeout=60)
        finally:
            if job.poll() is None:
                job.kill()
        self.run_smoke(workspace=stopped)
        self.assertEqual(same_rows(stopped), rows)

    def test_each_trial_learns_what_it_unfreezes(self):
        workspace = self.run_smoke()
        losses = dict(select(
            workspace, "select t.parameters ->> '$.\"model.unfreeze\"', m.value "
            "from metrics m join trials t using (trial) where m.name = 'loss' "
            "and m.split = 'validation' and m.epoch = 2"))
        self.assertEqual(len(losses), 4)
        self.assertEqual(len(set(losses.values())), 4, losses)

    def test_two_ranks_train_one_trial_together(self):
        together = ["--set", "resources.ranks_per_trial=2"]
        rows = same_rows(self.run_smoke(*together))
        self.assertEqual(same_rows(self.run_smoke(*together, "-n", "2")), rows)

    def test_predict_says_what_evaluate_said(self):
        workspace = self.run_smoke()
        folder = Path(self.folder.name) / "images"
        done = besom("data", SMOKE, "-w", workspace)
        self.assertEqual(done.returncode, 0, done.stderr)
        trial = select(workspace, "select trial from trials where "
                       "parameters like '%block7%'")[0][0]
        folder.mkdir()
        self.write_grey(folder / "a.png")
        done = besom("predict", trial, folder, "--csv", "-w", workspace)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual(len(rows), 1)

    @staticmethod
    def write_grey(path):
        from PIL import Image
        Image.new("L", (64, 64), 100).save(path)

    def test_an_unknown_block_is_refused_before_anything_runs(self):
        workspace = self.workspace()
        done = besom("run", SMOKE, "-w", workspace, "--set",
                     "model.unfreeze=block99")
        self.assertEqual(done.returncode, 2)
        self.assertIn("block99", done.stderr)
        self.assertIn("head, all, none", done.stderr)


if __name__ == "__main__":
    unittest.main()
