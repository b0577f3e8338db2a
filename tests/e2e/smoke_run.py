"""One small sweep through the real programs: the whole program's smoke run,
also in builds with sanitizers."""

import sys
import tempfile

from besom_process import EXAMPLES, besom, select

with tempfile.TemporaryDirectory() as workspace:
    done = besom("run", EXAMPLES / "smoke.yaml", "-w", workspace)
    sys.stderr.write(done.stderr)
    assert done.returncode == 0, done.returncode
    assert select(workspace, "select distinct state from trials") == [("done",)]
    shown = besom("show", "best", "-w", workspace)
    assert shown.returncode == 0, shown.stderr
    assert "precision" in shown.stdout
