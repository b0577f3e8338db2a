"""A test case that runs the smoke sweep in workspaces of its own."""

import random
import tempfile
import unittest
from pathlib import Path

from PIL import Image

from besom_process import EXAMPLES, besom

SMOKE = EXAMPLES / "smoke.yaml"


class SmokeCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.workspaces = 0

    def workspace(self):
        self.workspaces += 1
        return Path(self.folder.name) / str(self.workspaces)

    def draw_images(self, levels, count, side=64):
        """Files of grey noise, `count` of each class {name: mean grey}, in a
        folder of its name; returns the folder above, and the settings of a
        sweep over them."""
        folder = Path(self.folder.name) / "images"
        draw = random.Random(1)
        for name, level in levels.items():
            (folder / name).mkdir(parents=True)
            for i in range(count):
                image = Image.new("L", (side, side))
                image.putdata([level + draw.randrange(-50, 51)
                               for _ in range(side * side)])
                image.save(folder / name / f"{i}.png")
        labels = ", ".join(f"{name}: {name}" for name in levels)
        return folder, [
            "--set", f"ingest.classes=[{', '.join(levels)}]",
            "--set", "ingest.sources=[{name: files, format: image_folder, "
            f"path: {folder}, labels: {{{labels}}}}}]",
            "--set", f"evaluate.positive={next(iter(levels))}"]

    def has_bf16(self):
        """Whether this processor computes in bf16. Where it does not, holds the
        program to what it says then, which is all that there is to test."""
        flags = set(Path("/proc/cpuinfo").read_text().split())
        if flags & {"avx512_bf16", "amx_bf16"}:
            return True
        workspace = self.workspace()
        refused = besom("run", SMOKE, "-w", workspace, "--set",
                        "model.precision=bf16")
        self.assertEqual(refused.returncode, 4, refused.stderr)
        self.assertIn("bf16 is not offered here", refused.stderr)
        self.assertFalse((workspace / "besom.db").exists())
        return False

    def run_smoke(self, workspace, *arguments, codes=(0,)):
        done = besom("run", SMOKE, "-w", workspace, *arguments)
        self.assertIn(done.returncode, codes, done.stderr)
        return workspace
