"""What a run computes on: chosen once, kept, and refused where it is not."""

import sqlite3
import tempfile
import unittest
from pathlib import Path

from besom_process import EXAMPLES, besom, same_rows, select

SMOKE = EXAMPLES / "smoke.yaml"


def smoke(verb, workspace, *options):
    """On a machine whose GPUs, if there are any, are hidden."""
    return besom(verb, SMOKE, "-w", workspace, *options,
                 CUDA_VISIBLE_DEVICES="")


def numerics(workspace):
    return select(workspace, "select numerics from sweep")[0][0]


class Devices(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.workspace = self.folder / "runs"

    def run_smoke(self, code, *options, workspace=None):
        done = smoke("run", workspace or self.workspace, "--progress", "none",
                     *options)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_a_device_that_is_not_there_is_refused_and_nothing_is_written(self):
        for options in (["-n", "1"], ["-n", "2"]):
            done = self.run_smoke(4, "--set", "resources.device=cuda", *options)
            self.assertIn("fp32 on cuda", done.stderr)
            self.assertIn("cpu/", done.stderr)
            self.assertFalse((self.workspace / "besom.db").exists())
        done = smoke("plan", self.workspace, "--set", "resources.device=cuda")
        self.assertEqual(done.returncode, 4, done.stderr)

    def test_looking_at_the_data_ties_a_sweep_to_no_device(self):
        done = smoke("data", self.workspace)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(numerics(self.workspace), "")
        self.run_smoke(0)
        self.assertRegex(numerics(self.workspace), "^cpu/.+/fp32/")

    def test_a_sweep_goes_on_only_with_the_numerics_it_began_with(self):
        self.run_smoke(0, "--until", "features")
        with sqlite3.connect(self.workspace / "besom.db") as connection:
            connection.execute("update sweep set numerics = "
                               "'cuda/other-1/fp32/some-gpu'")
        connection.close()
        for ranks in ("1", "2"):
            done = self.run_smoke(4, "-n", ranks)
            self.assertIn("cuda/other-1/fp32/some-gpu", done.stderr)
            self.assertIn("cpu/", done.stderr)
        self.assertEqual(numerics(self.workspace), "cuda/other-1/fp32/some-gpu")
        self.assertEqual(select(self.workspace, "select count(*) from metrics"),
                         [(0,)])
        done = self.run_smoke(2, "--set", "resources.device=cpu")
        self.assertIn("resources.device", done.stderr)

    def test_threads_and_memory_of_ranks_change_no_row(self):
        plain, told = self.folder / "plain", self.folder / "told"
        self.run_smoke(0, workspace=plain)
        self.run_smoke(0, "-n", "2", "--set", "resources.threads_per_rank=3",
                       "--set", "resources.memory_per_rank=1000000",
                       workspace=told)
        self.assertEqual(same_rows(told), same_rows(plain))


if __name__ == "__main__":
    unittest.main()
