"""What a sweep starts from is checked before anything runs, and kept."""

import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from besom_process import BIN, EXAMPLES, ROOT, besom, select

SMOKE = EXAMPLES / "smoke.yaml"
PACKAGED = Path(os.environ.get("BESOM_WEIGHTS", ROOT / ".deps/weights"),
                "efficientnet_lite0.safetensors")


class WeightsOfASweep(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.weights = self.folder / "weights"
        self.weights.mkdir()
        self.workspace = self.folder / "runs"
        shutil.copy(PACKAGED, self.weights)

    def besom(self, verb, weights, *options, **more):
        return besom(verb, SMOKE, "-w", self.workspace, "--set",
                     f"model.weights={weights}", *options,
                     BESOM_WEIGHTS=self.weights, **more)

    def assert_refused(self, weights, code, *words):
        for verb in "plan", "run":
            done = self.besom(verb, weights)
            self.assertEqual(done.returncode, code, done.stderr)
            for word in words:
                self.assertIn(word, done.stderr)
            self.assertFalse((self.workspace / "besom.db").exists())

    def test_damaged_and_misfitting_files_are_refused_before_anything_runs(self):
        good = self.weights / PACKAGED.name
        bad = self.folder / "bad.safetensors"
        data = good.read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8:8 + length])
        for cut in 0, 7, 8 + length // 2, 8 + length, len(data) - 1:
            bad.write_bytes(data[:cut])
            self.assert_refused(bad, 2, "bad.safetensors",
                                "whole .safetensors file")
        bad.write_bytes(struct.pack("<Q", 1 << 62) + data[8:])
        self.assert_refused(bad, 2, "cut short")
        header["conv_stem.weight"]["data_offsets"] = [0, 1 << 50]
        text = json.dumps(header).encode()
        bad.write_bytes(struct.pack("<Q", len(text)) + text
                        + data[8 + length:])
        self.assert_refused(bad, 2, "conv_stem.weight lies outside the file")
        state = load_file(good)
        stem = state.pop("conv_stem.weight")
        save_file(state, bad)
        self.assert_refused(bad, 2, "conv_stem.weight is missing")
        save_file({**state, "conv_stem.weight": stem[:, :1].contiguous()}, bad)
        self.assert_refused(bad, 2, "conv_stem.weight", "another shape")
        save_file({**state,
                   "conv_stem.weight": torch.zeros_like(stem).long()}, bad)
        self.assert_refused(bad, 2, "conv_stem.weight holds no floating")

    def test_missing_weights_name_the_command_that_brings_them(self):
        (self.weights / PACKAGED.name).unlink()
        self.assert_refused("imagenet", 4,
                            "besom weights fetch efficientnet_lite0")
        self.assert_refused("efficientnet_lite0.tf_in1k", 4,
                            "besom weights fetch efficientnet_lite0.tf_in1k")
        self.assert_refused("vgg16.keras", 2, "is of vgg16")
        self.assert_refused("efficientnet_lite0.nobody", 2,
                            "efficientnet_lite0.tf_in1k")

    def test_plan_and_database_tell_what_was_resolved(self):
        digest = subprocess.run(
            ["sha256sum", self.weights / PACKAGED.name], text=True,
            stdout=subprocess.PIPE, check=True).stdout.split()[0]
        plan = self.besom("plan", "imagenet")
        self.assertEqual(plan.returncode, 0, plan.stderr)
        self.assertIn("efficientnet_lite0: weights imagenet = "
                      "efficientnet_lite0.package, sha256 " + digest[:16],
                      plan.stdout)
        told = json.loads(self.besom("plan", "imagenet", "--json").stdout)
        self.assertEqual(told["weights"][0]["digest"], digest)
        self.assertEqual(told["weights"][0]["entry"],
                         "efficientnet_lite0.package")
        run = self.besom("run", "efficientnet_lite0.package", "--limit", 1,
                         "--progress", "none")
        self.assertIn(run.returncode, (0, 3), run.stderr)
        (row,) = select(self.workspace, "select backbone, weights, entry, "
                        "digest, license from weights")
        self.assertEqual(row, ("efficientnet_lite0",
                               "efficientnet_lite0.package",
                               "efficientnet_lite0.package", digest,
                               "Apache-2.0"))

    def test_the_program_starts_without_libcurl(self):
        def needed(file):
            return subprocess.run(["readelf", "-d", file], text=True,
                                  check=True, stdout=subprocess.PIPE).stdout

        for program in "besom", "besom-worker":
            self.assertNotIn("libcurl", needed(BIN / program))
        self.assertIn("libcurl", needed(BIN / "libbesom-http.so"))


if __name__ == "__main__":
    unittest.main()
