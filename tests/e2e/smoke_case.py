"""A test case that runs the smoke sweep in workspaces of its own."""

import tempfile
import unittest
from pathlib import Path

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

    def run_smoke(self, workspace, *arguments, codes=(0,)):
        done = besom("run", SMOKE, "-w", workspace, *arguments)
        self.assertIn(done.returncode, codes, done.stderr)
        return workspace
