"""A part of the base trained with the head: the same rows however it is run."""

import csv
import io
import json
import signal
import time
import unittest
from pathlib import Path

from safetensors import safe_open

from besom_process import besom, same_rows, select, start
from smoke_case import SMOKE, SmokeCase

AXES = ["--set", "parameters={}",
        "--set", "parameters.model.unfreeze={values: [none, head, block7, all]}",
        "--set", "train.base_learning_rate=1.0e-3", "--set", "train.epochs=3",
        "--set", "evaluate.predictions=all"]


class Unfreeze(SmokeCase):
    def run_axes(self, *arguments, workspace=None):
        return self.run_smoke(workspace or self.workspace(), *AXES, *arguments)

    def test_rows_do_not_depend_on_ranks_threads_or_a_stop(self):
        workspace = self.run_axes()
        rows = same_rows(workspace)
        for arguments in (["-n", "2"],
                          ["--set", "resources.threads_per_rank=1"]):
            self.assertEqual(same_rows(self.run_axes(*arguments)), rows)

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
        self.run_axes(workspace=stopped)
        self.assertEqual(same_rows(stopped), rows)

    def test_each_trial_learns_what_it_unfreezes(self):
        workspace = self.run_axes()
        losses = dict(select(
            workspace, "select t.parameters ->> '$.\"model.unfreeze\"', m.value "
            "from metrics m join trials t using (trial) where m.name = 'loss' "
            "and m.split = 'validation' and m.epoch = 2"))
        self.assertEqual(len(losses), 4)
        self.assertEqual(len(set(losses.values())), 4, losses)

    def test_two_ranks_train_one_trial_together(self):
        together = ["--set", "resources.ranks_per_trial=2"]
        rows = same_rows(self.run_axes(*together))
        self.assertEqual(same_rows(self.run_axes(*together, "-n", "2")), rows)

    def test_predict_says_what_evaluate_said(self):
        """Of images in files, which the phantoms are not."""
        folder, data = self.draw_images({"dark": 60, "bright": 180}, 12)
        for precision in ["fp32"] + ["bf16"] * self.has_bf16():
            self.check_predictions(folder, self.run_axes(
                *data, "--set", f"model.precision={precision}"))

    def check_predictions(self, folder, workspace):
        for unfreeze in ("none", "head", "block7", "all"):
            trial = select(
                workspace, "select trial from trials where parameters ->> "
                f"'$.\"model.unfreeze\"' = '{unfreeze}'")[0][0]
            done = besom("predict", trial, folder, "--csv", "-w", workspace)
            self.assertEqual(done.returncode, 0, done.stderr)
            found = {Path(row["path"]).relative_to(folder).as_posix():
                     [float(row[f"probability_{name}"])
                      for name in ("dark", "bright")]
                     for row in csv.DictReader(io.StringIO(done.stdout))}
            said = {path: json.loads(probabilities)
                    for path, probabilities in select(
                        workspace, "select path, probabilities from "
                        f"predictions where trial = '{trial}'")}
            self.assertEqual(len(said), 24)
            self.assertEqual(found, said, unfreeze)

    def test_edges_of_a_base_in_bf16_take_half_the_room(self):
        if not self.has_bf16():
            return
        bf16 = ["--set", "model.precision=bf16"]

        def edges(workspace):
            return select(
                workspace, "select sum(size) from blob join action using (key) "
                "where stage = 'features' and port = 'features' "
                "and params ->> 'pooling' = 'edge'")[0][0]

        narrow = self.run_axes(*bf16)
        self.assertLess(edges(narrow), 0.55 * edges(self.run_axes()))
        self.assertEqual(same_rows(self.run_axes(*bf16, "-n", "2")),
                         same_rows(narrow))

    def test_a_models_file_says_what_it_is(self):
        workspace = self.run_axes()
        for digest, params in select(
                workspace, "select digest, params from blob join action using "
                "(key) where stage = 'fine_tune' and port = 'weights'"):
            path = workspace / "store/blobs.v1" / digest[:2] / digest
            with safe_open(path, "numpy") as file:
                said = json.loads(file.metadata()["besom"])
                names = set(file.keys())
            self.assertEqual({"head.0.weight", "head.0.bias", "head.1.weight",
                              "head.1.bias"} - names, set())
            self.assertLessEqual({"chosen_epoch", "metrics"}, said.keys())
            for key, value in json.loads(params).items():
                self.assertEqual(said[key], value)
            self.assertEqual(said["pixels"]["size"], 64)
            self.assertIn("mean", said["model"]["preprocessing"])

    def test_a_base_that_diverges_ends_its_trial_with_the_reason(self):
        workspace = self.run_smoke(
            self.workspace(), *AXES, "--set", "train.optimizer=sgd",
            "--set", "parameters.model.unfreeze={values: [none, block7]}",
            "--set", "train.base_learning_rate=1.0e+30", codes=(1,))
        self.assertEqual(
            sorted(select(workspace, "select parameters ->> "
                          "'$.\"model.unfreeze\"', state from trials")),
            [("block7", "failed"), ("none", "done")])
        messages = [message for message, in select(
            workspace, "select message from attempts where message != ''")]
        self.assertEqual(len(messages), 1, messages)
        self.assertRegex(messages[0], r"loss became -?(nan|inf) in epoch \d+, "
                         r"step \d+ \(learning rate 0\.001\)")

    def test_an_unknown_block_is_refused_before_anything_runs(self):
        workspace = self.workspace()
        done = besom("run", SMOKE, "-w", workspace, "--set",
                     "model.unfreeze=block99")
        self.assertEqual(done.returncode, 2)
        self.assertIn("block99", done.stderr)
        self.assertIn("head, all, none", done.stderr)


if __name__ == "__main__":
    unittest.main()
