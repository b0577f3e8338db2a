"""Comparisons of a test that goes through all of them before it fails."""

import sys


class Checks:
    """Called with what is compared and whether it is good."""

    def __init__(self, says_ok=False):
        self.says_ok = says_ok
        self.failed = 0

    def __call__(self, what, good, detail=""):
        if not good or self.says_ok:
            print("ok  " if good else "FAIL", what, detail, flush=True)
        self.failed += not good

    def finish(self):
        if self.failed:
            sys.exit(f"{self.failed} comparisons failed")
