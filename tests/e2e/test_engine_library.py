"""The worker loads LibTorch and OpenVINO when features are computed, not before."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from besom_process import BIN, EXAMPLES, besom, same_rows, select

SMOKE = EXAMPLES / "smoke.yaml"
LIBRARY = "libbesom-engines.so"


def needed(file):
    """Names of the libraries that are loaded together with an ELF file."""
    told = subprocess.run(["readelf", "-d", file], text=True, check=True,
                          stdout=subprocess.PIPE).stdout
    return {line.split("[")[1].rstrip("]") for line in told.splitlines()
            if "(NEEDED)" in line}


def heavy(names):
    return {name for name in names
            if name.startswith(("libtorch", "libc10", "libopenvino"))}


class EngineLibrary(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.workspace = Path(folder.name) / "runs"
        # A worker without the library beside it.
        self.worker = Path(folder.name) / "besom-worker"
        shutil.copy(BIN / "besom-worker", self.worker)

    def run_smoke(self, *options, code=0, **env):
        done = besom("run", SMOKE, "-w", self.workspace, "--progress", "none",
                     *options, **env)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def expect_the_library_named(self, done):
        self.assertIn(str(self.worker.with_name(LIBRARY)), done.stderr)
        self.assertIn("./besom build", done.stderr)

    def test_only_the_library_needs_the_engines_when_it_is_loaded(self):
        self.assertEqual(heavy(needed(BIN / "besom-worker")), set())
        self.assertNotEqual(heavy(needed(BIN / LIBRARY)), set())

    def test_the_library_shows_its_entry_alone(self):
        told = subprocess.run(
            ["nm", "-D", "--defined-only", BIN / LIBRARY], text=True,
            check=True, stdout=subprocess.PIPE).stdout
        self.assertEqual([line.split()[-1] for line in told.splitlines()],
                         ["BesomEngineModule"])

    def test_a_worker_alone_is_spared_what_loading_mpi_does_for_ranks(self):
        self.worker.unlink()
        self.worker.write_text("#!/bin/sh\necho events=$UCX_MEM_EVENTS\n")
        self.worker.chmod(0o755)
        done = self.run_smoke("-n", "1", BESOM_WORKER=self.worker)
        self.assertEqual(done.stdout, "events=no\n")
        done = self.run_smoke(BESOM_WORKER=self.worker, PMIX_RANK="0")
        self.assertEqual(done.stdout, "events=\n")

    def test_without_it_nothing_begins_that_computes_features(self):
        for ranks in ("1", "2"):
            done = self.run_smoke("-n", ranks, code=4, BESOM_WORKER=self.worker)
            self.expect_the_library_named(done)
        self.assertFalse(self.workspace.exists())

    def test_without_it_heads_are_trained_on_what_features_there_are(self):
        more = ["--set", "parameters.model.dropout={values: [0.2, 0.5, 0.7]}"]
        self.run_smoke()
        self.run_smoke(*more, BESOM_WORKER=self.worker)
        states = select(self.workspace, "select distinct state from trials")
        self.assertEqual(states, [("done",)])
        rows = same_rows(self.workspace)
        self.workspace = self.workspace.with_name("whole")
        self.run_smoke()
        self.run_smoke(*more)
        self.assertEqual(same_rows(self.workspace), rows)

    def test_without_it_features_that_miss_are_asked_of_another_machine(self):
        self.run_smoke("--until", "augment")
        done = self.run_smoke(code=4, BESOM_WORKER=self.worker)
        self.expect_the_library_named(done)
        self.run_smoke()  # No trial was given up.

    def test_one_that_does_not_load_stops_the_run_and_fails_no_trial(self):
        self.worker.with_name(LIBRARY).write_bytes(b"half a download")
        done = self.run_smoke(code=4, BESOM_WORKER=self.worker)
        self.expect_the_library_named(done)
        self.assertEqual(select(self.workspace, "select count(*) from trials "
                                "where state = 'failed'"), [(0,)])
        self.run_smoke()

    def test_without_it_predict_says_so(self):
        self.run_smoke()
        [(trial,)] = select(self.workspace, "select trial from trials limit 1")
        image = next(self.workspace.rglob("*.png"), None)
        if image is None:
            image = Path(self.workspace) / "image.png"
            image.write_bytes(b"")
        done = besom("predict", trial, image, "-w", self.workspace,
                     BESOM_WORKER=self.worker)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.expect_the_library_named(done)


if __name__ == "__main__":
    unittest.main()
