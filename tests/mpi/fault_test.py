"""What happens to the ranks of a real mpirun when something dies or stops.

Environment: MPIRUN (a command without the number of ranks), FT_OPTIONS (its
fault-tolerance options, empty without), FAULT_WORKER, GROUP_WORKER and
JOB_PROGRAM.
"""

import os
import pty
import re
import shlex
import signal
import sys
import unittest

from processes import Program, is_alive, wait_until

MPIRUN = shlex.split(os.environ["MPIRUN"])
FT_OPTIONS = shlex.split(os.environ["FT_OPTIONS"])
WORKER = os.environ["FAULT_WORKER"]
GROUP_WORKER = os.environ["GROUP_WORKER"]
JOB = os.environ["JOB_PROGRAM"]


def mpirun(ranks, *worker, tolerant=False):
    options = FT_OPTIONS if tolerant else []
    return Program(MPIRUN + options + ["-n", str(ranks)] + list(worker))


def job(ranks, stop_seconds, *worker, **environment):
    return Program(
        [JOB, str(ranks), str(stop_seconds), *worker], **environment
    )


def child_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return int(file.read().split()[0])


class RankDeath(unittest.TestCase):
    def survive(self, ranks, victims):
        with mpirun(ranks, WORKER, "survive", str(victims), tolerant=True) as run:
            self.assertEqual(run.end(), 0, run.err)
        living = ranks - victims
        lost = "".join(f"{rank}," for rank in range(living, ranks))
        self.assertEqual(
            sorted(run.out), [f"rank {rank} lost {lost}\n" for rank in range(living)]
        )

    def test_survivors_go_on(self):
        for _ in range(3):
            self.survive(4, 1)

    def test_two_may_die(self):
        self.survive(4, 2)
        self.survive(3, 2)

    def test_death_of_rank_0_is_seen(self):
        with mpirun(3, WORKER, "leaderless", tolerant=True) as run:
            self.assertEqual(run.end(), 5, run.err)
        self.assertEqual(sorted(run.out), ["rank 1 lost 0,\n", "rank 2 lost 0,\n"])

    def test_without_fault_tolerance_the_job_ends(self):
        with mpirun(3, WORKER, "wait") as run:
            pids = run.wait_for_ranks(3)
            os.kill(pids[1], signal.SIGKILL)
            self.assertEqual(run.end(), 128 + signal.SIGKILL)
        self.assertFalse([pid for pid in pids if is_alive(pid)])


class GroupDeath(unittest.TestCase):
    """A member of a data-parallel group ends in the middle of a sum."""

    def reasons(self, ranks, mode, tolerant=True):
        """What the members said that outlived it, by rank."""
        with mpirun(ranks, GROUP_WORKER, mode, tolerant=tolerant) as run:
            self.assertEqual(run.end(), 0, run.err)
        seconds = [float(x) for x in re.findall(r"after ([\d.]+) s", "".join(run.err))]
        self.assertLess(max(seconds), 15)
        living = ranks if mode == "abort" else ranks - 1
        text = "".join(run.out)
        self.assertEqual(
            sorted(re.findall(r"rank (\d) goes on", text)),
            [str(rank) for rank in range(living)],
        )
        return dict(re.findall(r"^rank (\d): (.*)$", text, re.M))

    def test_a_killed_member_ends_the_sum_of_the_others(self):
        for ranks in (2, 3, 4):
            reasons = self.reasons(ranks, "die")
            self.assertEqual(len(reasons), ranks - 1)
            for reason in reasons.values():
                self.assertRegex(reason, f"data-parallel group.*rank {ranks - 1}.*died")

    def test_a_stopped_member_ends_it_in_the_time_that_the_caller_gave(self):
        reasons = self.reasons(3, "hang")
        self.assertEqual(sorted(reasons), ["0", "1"])
        for reason in reasons.values():
            self.assertRegex(reason, r"came within 1 s; waiting for rank ([01], )?2$")

    def test_a_member_that_gives_up_tells_the_others_why(self):
        for tolerant in (False, True):
            reasons = self.reasons(3, "abort", tolerant)
            self.assertEqual(sorted(reasons), ["0", "1", "2"])
            for reason in reasons.values():
                self.assertIn("image 7: a bad image", reason)


class MpirunSignals(unittest.TestCase):
    def test_sigusr1_reaches_the_ranks_and_their_code_comes_back(self):
        for tolerant in (False, True):
            with mpirun(2, WORKER, "wait", tolerant=tolerant) as run:
                run.wait_for_ranks(2)
                run.send(signal.SIGUSR1)
                self.assertEqual(run.end(), 3, run.err)
            self.assertEqual(run.out.count("stopped by signal 10\n"), 2)

    def ranks_end(self, *worker):
        with mpirun(3, *worker) as run:
            pids = run.wait_for_ranks(3)
            run.send(signal.SIGKILL)
            took = wait_until(
                lambda: not any(map(is_alive, pids)), 2, "ranks without mpirun end"
            )
        print(f"ranks ended after {took:.2f} s", file=sys.stderr)

    def test_no_rank_outlives_mpirun(self):
        self.ranks_end(WORKER, "wait")

    def test_no_rank_that_has_not_started_mpi_outlives_it(self):
        self.ranks_end(WORKER, "bare")

    def test_no_busy_rank_outlives_mpirun(self):
        self.ranks_end(WORKER, "deaf")

    def test_no_rank_below_a_shell_outlives_mpirun(self):
        self.ranks_end("sh", "-c", f"{shlex.quote(WORKER)} bare; exit $?")


class OtherMpi(unittest.TestCase):
    def test_ranks_of_another_launcher_are_refused(self):
        for variables in (
            {"PMI_SIZE": "2", "PMI_RANK": "1"},
            {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"},
        ):
            with Program([WORKER, "version"], **variables) as run:
                self.assertEqual(run.end(), 4)
            self.assertEqual(run.out, [])
            self.assertIn("besom run -n 2", "".join(run.err))

    def test_alone_it_runs_and_loads_nccl_without_a_driver(self):
        with Program([WORKER, "version"]) as run:
            self.assertEqual(run.end(), 0, run.err)
        self.assertRegex("".join(run.out), r"^Open MPI v\d.*, NCCL \d+\.\d+\.\d+\n$")


class Launcher(unittest.TestCase):
    def outcome(self, run):
        found = re.search(
            r"outcome exit=(\d+) signal=(\d+) interrupts=(\d+) killed=(\d+)",
            "".join(run.err),
        )
        self.assertTrue(found, run.err)
        return tuple(int(number) for number in found.groups())

    def folders_of(self, pid):
        """Where a rank's MPI keeps its files."""
        with open(f"/proc/{pid}/environ") as file:
            pairs = [pair.partition("=") for pair in file.read().split("\0")]
        variables = {name: value for name, _, value in pairs}
        return [
            variables["PMIX_SERVER_TMPDIR"],
            variables["OMPI_MCA_btl_sm_backing_directory"],
        ]

    def none_left(self, pids):
        self.assertFalse([pid for pid in pids if is_alive(pid)])

    def test_passes_output_and_exit_code(self):
        with job(2, 20, "sh", "-c", "echo out; echo err >&2; exit 3") as run:
            self.assertEqual(run.end(), 3)
        # mpirun may end the second rank before it has printed.
        self.assertEqual(set(run.out), {"out\n"})
        self.assertIn("err\n", run.err)
        with job(1, 20, WORKER, "version") as run:
            self.assertEqual(run.end(), 0, run.err)
        self.assertEqual(len(run.out), 1)

    def test_the_first_request_lets_ranks_end_by_themselves(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with job(2, 20, WORKER, "wait") as run:
                pids = run.wait_for_ranks(2)
                run.send(number)
                self.assertEqual(run.end(), 3, run.err)
            self.assertEqual(run.out.count("stopped by signal 10\n"), 2)
            self.assertEqual(self.outcome(run), (3, 0, 1, 0))
            self.none_left(pids)

    def test_the_second_request_ends_them(self):
        with job(2, 60, WORKER, "deaf") as run:
            pids = run.wait_for_ranks(2)
            run.send(signal.SIGINT)
            run.send(signal.SIGTERM)
            self.assertNotEqual(run.end(), 0)
            self.none_left(pids)
        self.assertEqual(self.outcome(run)[2], 2)

    def test_deaf_ranks_are_ended_after_a_time(self):
        with job(2, 0.5, WORKER, "deaf") as run:
            pids = run.wait_for_ranks(2)
            run.send(signal.SIGTERM)
            self.assertNotEqual(run.end(), 0)
            self.none_left(pids)
        self.assertEqual(self.outcome(run)[2], 1)

    def test_mpirun_killed_below_it(self):
        with job(2, 20, WORKER, "deaf") as run:
            pids = run.wait_for_ranks(2)
            mpirun_pid = child_of(run.process.pid)
            folders = self.folders_of(pids[0])
            self.assertTrue(all(map(os.path.isdir, folders)))
            os.kill(mpirun_pid, signal.SIGKILL)
            self.assertEqual(run.end(), 128 + signal.SIGKILL)
            self.none_left(pids)
        # A later mpirun with the same process number would trip over them.
        self.assertFalse(any(map(os.path.exists, folders)), folders)
        self.assertEqual(self.outcome(run)[:2], (137, 9))

    def test_nothing_outlives_a_killed_launcher(self):
        with job(2, 20, WORKER, "deaf") as run:
            pids = run.wait_for_ranks(2) + [child_of(run.process.pid)]
            run.send(signal.SIGKILL)
            wait_until(
                lambda: not any(map(is_alive, pids)), 4, "mpirun and ranks end"
            )

    def test_control_c_at_a_terminal(self):
        command = [JOB, "2", "20", WORKER, "wait"]
        child, terminal = pty.fork()
        if child == 0:
            os.execv(command[0], command)
        text = b""
        pressed = False
        while True:
            try:
                part = os.read(terminal, 4096)
            except OSError:  # The terminal's last user has ended.
                break
            if not part:
                break
            text += part
            if text.count(b"waiting") == 2 and not pressed:
                os.write(terminal, b"\x03")
                pressed = True
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 3)
        os.close(terminal)
        # The ranks saw the launcher's SIGUSR1 alone, not the terminal's SIGINT.
        self.assertEqual(text.count(b"stopped by signal 10"), 2, text)
        self.assertIn(b"interrupts=1 killed=0", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
