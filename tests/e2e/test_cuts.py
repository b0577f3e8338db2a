"""A sweep over cuts and poolings of one base: one pass of each image."""

import tempfile
import unittest
from pathlib import Path

from besom_process import EXAMPLES, besom, same_rows, select

SMOKE = EXAMPLES / "smoke.yaml"
CUTS = ["block3", "block5", "full"]


def axes(cuts, *more):
    return ["--set", f"parameters.model.cut={{values: [{', '.join(cuts)}]}}",
            "--set", "parameters.model.pooling={values: [average, max]}", *more]


class Cuts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.workspaces = 0

    def run_smoke(self, workspace, *arguments):
        done = besom("run", SMOKE, "-w", workspace, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)

    def workspace(self):
        self.workspaces += 1
        return Path(self.folder.name) / str(self.workspaces)

    def passes(self, workspace):
        """(passes of images through the base, rows of features)"""
        return select(
            workspace, "select sum(counters ->> 'passes'), "
            "sum(counters ->> 'rows') from action where stage = 'features'")[0]

    def test_all_cuts_come_from_one_pass_with_the_bits_of_one(self):
        at_once = self.workspace()
        self.run_smoke(at_once, *axes(CUTS))
        passes, rows = self.passes(at_once)
        self.assertEqual(rows, 6 * passes)
        found = same_rows(at_once)
        cuts = select(at_once, "select distinct parameters ->> "
                      "'$.\"model.cut\"' from trials order by 1")
        self.assertEqual(cuts, [("block3",), ("block5",), ("full",)])

        of_two_ranks = self.workspace()
        self.run_smoke(of_two_ranks, *axes(CUTS), "-n", "2")
        self.assertEqual(self.passes(of_two_ranks), (passes, rows))
        self.assertEqual(same_rows(of_two_ranks), found)

        grown = self.workspace()
        for count in (1, 2, 3):
            self.run_smoke(grown, *axes(CUTS[:count]))
        self.assertEqual(self.passes(grown), (3 * passes, rows))
        self.assertEqual(same_rows(grown), found)

    def test_an_unknown_block_is_refused_with_those_that_there_are(self):
        done = besom("plan", SMOKE, "-w", self.workspace(),
                     *axes(["full", "block9"]))
        self.assertEqual(done.returncode, 2)
        self.assertIn("block9", done.stderr)
        self.assertIn("block1, block2", done.stderr)


if __name__ == "__main__":
    unittest.main()
