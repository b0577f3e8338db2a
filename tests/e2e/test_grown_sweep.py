"""Heads that one call trains: the same rows alone, together, and in a sweep that
grew."""

import unittest

from besom_process import same_rows, select
from smoke_case import SmokeCase

DROPOUTS, SEEDS = "[0.2, 0.5, 0.7]", "[0, 1]"


def axes(heads):
    return ["--set", f"parameters.model.head={{values: {heads}}}",
            "--set", f"parameters.model.dropout={{values: {DROPOUTS}}}",
            "--set", f"parameters.train.seed={{values: {SEEDS}}}"]


FEW, ALL = "[[16], [64, 16]]", "[[16], [64, 16], [33], []]"


class GrownSweep(SmokeCase):
    def run_smoke(self, workspace, *arguments):
        super().run_smoke(workspace, *arguments, codes=(0, 3))

    def calls(self, workspace):
        """Into how many calls the fits went: those of one end together."""
        return select(workspace, "select count(distinct seconds), count(*) from "
                      "attempts where stage = 'fine_tune'")[0]

    def test_rows_do_not_depend_on_what_is_trained_together(self):
        at_once = self.workspace()
        self.run_smoke(at_once, *axes(ALL))
        self.assertEqual(self.calls(at_once), (1, 24))
        rows = same_rows(at_once)
        self.assertEqual(
            select(at_once, "select state, count(*) from trials group by state"),
            [("done", 24)])

        grown = self.workspace()
        self.run_smoke(grown, *axes(FEW))
        self.assertEqual(self.calls(grown), (1, 12))
        self.run_smoke(grown, *axes(ALL))
        self.assertEqual(self.calls(grown), (2, 24))
        self.assertEqual(same_rows(grown), rows)

        of_two_ranks = self.workspace()
        self.run_smoke(of_two_ranks, *axes(ALL), "-n", "2")
        self.assertGreater(self.calls(of_two_ranks)[0], 1)
        self.assertEqual(same_rows(of_two_ranks), rows)

        alone = self.workspace()
        for trials in range(1, 4):
            self.run_smoke(alone, *axes(ALL), "--limit", "1")
            self.assertEqual(self.calls(alone), (trials, trials))
        self.run_smoke(alone, *axes(ALL))
        self.assertEqual(self.calls(alone), (4, 24))
        self.assertEqual(same_rows(alone), rows)


if __name__ == "__main__":
    unittest.main()
