"""Trials that fail: what goes on, what stops, what is told."""

import re
import tempfile
import unittest
from pathlib import Path

from besom_process import EXAMPLES, besom, select

SMOKE = EXAMPLES / "smoke.yaml"
# No loss survives the first step with such a learning rate.
ONE_FAILS = "parameters={train.learning_rate: {values: [1.0e-3, 1.0e+30]}}"
MOST_FAIL = ("parameters={train.learning_rate: {values: [1.0e+30, 1.1e+30, "
             "1.2e+30, 1.3e+30, 1.4e+30, 1.5e+30, 1.0e-3, 2.0e-3]}}")


class Failures(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.workspace = Path(folder.name) / "runs"

    def run_smoke(self, code, *options):
        done = besom("run", SMOKE, "-w", self.workspace, "--progress", "none",
                     *options)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def states(self):
        return dict(select(self.workspace, "select state, count(*) from trials "
                           "group by state"))

    def attempts(self):
        return select(self.workspace, "select count(*) from attempts")[0][0]

    def test_one_failed_trial_does_not_stop_the_others(self):
        for ranks in ("1", "2"):
            self.workspace = self.workspace.with_name("runs" + ranks)
            self.run_smoke(1, "--keep-going", "--set", ONE_FAILS, "-n", ranks)
            self.assertEqual(self.states(), {"done": 1, "failed": 1})

    def test_a_failure_is_recorded_with_its_place_and_not_tried_again(self):
        done = self.run_smoke(1, "--keep-going", "--set", ONE_FAILS)
        rows = select(self.workspace, "select stage, host, device, message from "
                      "attempts where outcome = 'failed'")
        self.assertEqual(len(rows), 1)  # Another attempt would fail as well.
        stage, host, device, message = rows[0]
        self.assertEqual((stage, device), ("fine_tune", "cpu"))
        self.assertTrue(host)
        self.assertIn("learning rate", message)
        [(trial, error)] = select(
            self.workspace, "select trial, error from trials "
            "where state = 'failed'")
        self.assertIn("learning rate", error)
        told = done.stdout + done.stderr
        self.assertIn(trial, told, "the summary names the trial")
        self.assertRegex(told, re.compile("learning rate"))

    def test_a_failed_trial_is_left_alone_until_asked_for(self):
        self.run_smoke(1, "--keep-going", "--set", ONE_FAILS)
        before = self.attempts()
        for ranks in ("1", "2"):
            again = self.run_smoke(1, "--set", ONE_FAILS, "-n", ranks)
            self.assertIn("nothing to do", again.stdout)
            self.assertEqual(self.attempts(), before)
        [(done,)] = select(self.workspace,
                           "select trial from trials where state = 'done'")
        self.run_smoke(1, "--rerun", done, "--set", ONE_FAILS)
        self.assertEqual(self.attempts(), before + 2)
        before += 2
        self.run_smoke(1, "--rerun", "failed", "--set", ONE_FAILS)
        self.assertEqual(self.attempts(), before + 1)
        self.assertEqual(self.states(), {"done": 1, "failed": 1})

    def test_too_many_failures_stop_the_sweep(self):
        self.run_smoke(3, "--set", MOST_FAIL, "--set", "limits.failures=2")
        states = self.states()  # Fits of one call have begun together.
        self.assertIn(states["failed"], range(3, 7))
        self.assertGreater(states["pending"], 0)

    def test_keep_going_overrules_the_limit(self):
        self.run_smoke(1, "--keep-going", "--set", MOST_FAIL,
                       "--set", "limits.failures=0", "-n", "2")
        self.assertEqual(self.states(), {"done": 2, "failed": 6})

    def test_fail_fast_stops_at_the_first_and_the_same_command_goes_on(self):
        self.run_smoke(3, "--fail-fast", "--set", MOST_FAIL)
        states = self.states()  # Fits of one call have begun together.
        self.assertIn(states["failed"], range(1, 7))
        self.assertGreater(states["pending"], 0)
        self.run_smoke(1, "--keep-going", "--set", MOST_FAIL)
        self.assertEqual(self.states(), {"done": 2, "failed": 6})

    def test_a_completed_sweep_with_an_earlier_failure_ends_with_1(self):
        fails_first = "parameters={train.learning_rate: {values: [1e+30, 1e-3]}}"
        self.run_smoke(3, "--fail-fast", "--set", fails_first)
        self.run_smoke(1, "--keep-going", "--set", fails_first)
        self.assertEqual(self.states(), {"done": 1, "failed": 1})


if __name__ == "__main__":
    unittest.main()
