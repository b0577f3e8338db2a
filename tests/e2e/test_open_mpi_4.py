"""The MPI of the machine: Debian's Open MPI 4.1, in a build of its own.

It has no fault tolerance: a dead rank ends the job, which resumes.
"""

import os
import signal
import subprocess
import unittest
from pathlib import Path

from besom_process import (ROOT, attempts_done, besom, children_of,
                           environment, is_alive, same_rows, select,
                           wait_for)
from smoke_case import SMOKE, SmokeCase

PREFIX = Path("/usr")


def there():
    """Whether the MPI of the machine is Open MPI 4."""
    try:
        said = subprocess.run([PREFIX / "bin/mpirun", "--version"], text=True,
                              capture_output=True)
    except OSError:
        return False
    return "(Open MPI) 4." in said.stdout and (PREFIX / "bin/mpicxx").exists()


def command(*arguments):
    return [str(ROOT / "besom"), *map(str, arguments)]


def other_build():
    """The environment in which `./besom` is the build for that MPI."""
    env = environment(BESOM_MPI=PREFIX)
    # Those of the build that runs this test.
    for name in ("BESOM_WORKER", "BESOM_MPIRUN", "BESOM_BUILD"):
        env.pop(name, None)
    return env


def start(*arguments):
    return subprocess.Popen(
        command(*arguments), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=other_build(), start_new_session=True)


def run(*arguments):
    return subprocess.run(command(*arguments), text=True, capture_output=True,
                          env=other_build(), timeout=300)


def worker_of(job, rank):
    """The process of a rank, or None."""
    mark = f"OMPI_COMM_WORLD_RANK={rank}".encode()
    for pid in children_of(job.pid):
        try:
            words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in words:
            return pid
    return None


class OpenMpi4(SmokeCase):
    @classmethod
    def setUpClass(cls):
        assert there(), f"{PREFIX} holds no Open MPI 4: install the packages " \
            "of cmake/packages/debian-test.txt"
        built = subprocess.run(command("build"), text=True,
                               capture_output=True, env=other_build())
        assert built.returncode == 0, built.stderr

    def setUp(self):
        super().setUp()
        reference = self.workspace()
        self.run_smoke(reference, "-n", "2")
        self.rows = same_rows(reference)

    def test_any_number_of_ranks_gives_the_rows_of_open_mpi_5(self):
        for ranks in (1, 2, 4):
            workspace = self.workspace()
            done = run("run", SMOKE, "-w", workspace, "-n", ranks)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(same_rows(workspace), self.rows, ranks)

    def test_a_plain_mpirun_starts_ranks_too(self):
        workspace = self.workspace()
        env = other_build()
        env.update(OMPI_ALLOW_RUN_AS_ROOT="1",
                   OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        done = subprocess.run(
            [PREFIX / "bin/mpirun", "--oversubscribe", "-n", "2",
             *command("run", SMOKE, "-w", workspace)],
            text=True, capture_output=True, env=env, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        # An option that it does not know would be said here.
        self.assertNotIn("BTL", done.stderr)
        self.assertEqual(same_rows(workspace), self.rows)
        self.assertEqual(
            select(workspace, "select ranks from run"), [(2,)])

    def end_in_the_middle(self, end, *arguments):
        """Ends a run of two ranks by `end`, once a task is done."""
        workspace = self.workspace()
        job = start("run", SMOKE, "-w", workspace, "-n", "2", *arguments)
        try:
            wait_for(lambda: attempts_done(workspace) > 1 and
                     worker_of(job, 1), 60, "two tasks are done")
            ranks = [worker_of(job, 0), worker_of(job, 1)]
            end(job, ranks)
            _, error = job.communicate(timeout=60)
        finally:
            if job.poll() is None:
                os.killpg(job.pid, signal.SIGKILL)
                job.communicate()
        self.assertEqual(job.returncode, 3, error)
        self.assertFalse([pid for pid in ranks if pid and is_alive(pid)])
        # The other build goes on: the MPI is no part of what is computed.
        done = besom("run", SMOKE, "-w", workspace, "-n", "2", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return workspace, error

    def test_a_dead_rank_ends_the_job_which_resumes(self):
        workspace, error = self.end_in_the_middle(
            lambda job, ranks: os.kill(ranks[1], signal.SIGKILL))
        self.assertIn("ended from outside", error)
        self.assertEqual(same_rows(workspace), self.rows)

    def test_it_stops_when_asked_to(self):
        workspace, error = self.end_in_the_middle(
            lambda job, ranks: os.kill(job.pid, signal.SIGINT))
        self.assertIn("asked to stop", error)
        self.assertEqual(same_rows(workspace), self.rows)


if __name__ == "__main__":
    unittest.main()
