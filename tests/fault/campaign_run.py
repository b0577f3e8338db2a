"""One run of the campaign: disturbed, checked, resumed, compared."""

import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from besom_process import same_rows, select
from disturbance import BESOM, MODES, OWN_ULFM
from ledger import Checkpoint, Ledger
from marked_job import Job, poll

SPEC = Path(__file__).with_name("campaign.yaml")
# No process of a run outlives its end, or the death of its head, by more on an
# idle machine. How late it was is told; a busy machine fails no run.
GRACE_SECONDS = 3
# A request to stop is answered within this time; the second one at once.
STOP_SECONDS = 5
AT_ONCE_SECONDS = 2.5
# Longer than any disturbed run takes on a busy machine: a hang.
HANG_SECONDS = 60
MOST_RESUMES = 6
COMPLETE, INCOMPLETE = 0, 3


@dataclass
class Reference:
    """What the undisturbed run was like."""
    rows: str
    tasks: int
    seconds: float
    stages: dict


@dataclass
class Result:
    number: int
    kind: str
    tolerant: bool
    plan: str
    struck: int = 0
    resumes: int = 0
    lost: int = 0
    most_lost: int = 0
    redone: int = 0
    slowest_end: float = 0
    stages: list = field(default_factory=list)
    failures: list = field(default_factory=list)
    late: list = field(default_factory=list)  # Told, but no failure.
    seconds: float = 0

    def line(self):
        hit = ",".join(sorted(set(self.stages))) or "-"
        return (f"{self.number:4} {self.plan:44} struck {self.struck}, "
                f"resumes {self.resumes}, lost {self.lost} "
                f"({self.redone} stored), in {hit}, "
                f"{self.seconds:.1f} s: "
                f"{'FAILED' if self.failures else 'ok'}")


class CampaignRun:
    """Everything random is drawn from (seed, number); only the machine's own
    speed differs when it runs again."""

    def __init__(self, seed, number, mode, reference):
        self.reference = reference
        self.draw = random.Random(f"{seed}/{number}")
        cases = [(kind, launch) for kind in MODES[mode]
                 for launch in kind.launches]
        # All of them in turn, in an order of the seed's own.
        random.Random(seed).shuffle(cases)
        self.kind, self.launch = cases[number % len(cases)]
        self.ranks = self.draw.choice([2, 3])
        self.second = self.draw_second()
        self.options = ["--progress", "none"]
        if "stopped" in self.kind.name:
            self.options += ["--set", "limits.lease=2"]
        tolerant = self.launch in (BESOM, OWN_ULFM)
        plan = f"{self.kind.name}, {self.launch} -n {self.ranks}"
        if self.second:
            plan += f", again ({self.second})"
        self.result = Result(number, self.kind.name, tolerant, plan)
        self.checkpoints = []

    def draw_second(self):
        """Sometimes it strikes twice: in the same job, or its resumption."""
        choices = [None, None, "resume"]
        if self.goes_on(self.kind):
            choices.append("same job")
        second = self.draw.choice(choices)
        return second if self.kind.number == signal.SIGKILL else None

    def goes_on(self, kind):
        """Whether a job of this launch survives that."""
        return kind.survives and self.launch in (BESOM, OWN_ULFM)

    def execute(self, workspace):
        started = time.monotonic()
        self.workspace = workspace
        complete = self.disturbed_job(self.kind)
        if self.second == "resume" and not complete:
            self.result.resumes += 1
            complete = self.disturbed_job(self.kind)
        while not complete and self.result.resumes < MOST_RESUMES \
                and not self.hung():
            self.result.resumes += 1
            complete = self.undisturbed_job()
        if complete:
            self.compare()
        elif not self.hung():
            self.fail(f"not complete after {MOST_RESUMES} resumes")
        self.result.seconds = time.monotonic() - started
        return self.result

    def fail(self, text):
        self.result.failures.append(text)

    def hung(self):
        return any("hangs" in failure for failure in self.result.failures)

    def start(self):
        return Job(self.launch, self.ranks, SPEC, self.workspace, *self.options)

    def wait_for_moment(self, job, kind):
        """A number of begun tasks, and a little longer; or a point in time,
        which also hits the start and the end of a run."""
        # A rank that stops while MPI starts is waited for, not missed.
        if self.draw.random() < 0.25 and kind.number != signal.SIGSTOP:
            poll(lambda: not job.alive(),
                 self.draw.uniform(0, 1.1 * self.reference.seconds))
            return
        ledger = Ledger(self.workspace)
        left = max(1, self.reference.tasks - len(ledger.stored()))
        goal = ledger.keys("begin").total() + self.draw.randint(1, left)
        poll(lambda: ledger.keys("begin").total() >= goal or not job.alive(),
             HANG_SECONDS)
        time.sleep(self.draw.uniform(0, 0.1))

    def disturbed_job(self, kind):
        """Returns whether the sweep is complete."""
        ledger = Ledger(self.workspace)
        before = ledger.keys("begin").total()
        with self.start() as job:
            self.wait_for_moment(job, kind)
            working = ledger.keys("begin").total() > before
            stored = ledger.stored()
            if not job.alive() or not kind.strike(job, self.draw):
                return self.end_of(job, {COMPLETE})
            self.result.struck += 1
            if not self.goes_on(kind):
                return self.end_soon(job, kind, stored)
            self.take_checkpoint(running=True)
            if self.second == "same job":
                time.sleep(self.draw.uniform(0, 0.5))
                if job.alive() and kind.strike(job, self.draw):
                    self.result.struck += 1
                    self.take_checkpoint(running=True)
            # Before the first task there may be no MPI yet to survive.
            return self.end_of(job, {COMPLETE} if working else None)

    def end_soon(self, job, kind, stored):
        """The end of a job that this disturbance ends. stored: the tasks whose
        results were in the store before it."""
        request = kind.number in (signal.SIGINT, signal.SIGTERM)
        bound = STOP_SECONDS if request else GRACE_SECONDS
        if kind.again is not None:
            time.sleep(kind.again)
            kind.strike(job, self.draw)
            bound = AT_ONCE_SECONDS
        struck = time.monotonic()
        if job.survivors(bound):
            left = self.describe(job)
            over = not job.survivors(HANG_SECONDS)
            took = time.monotonic() - struck
            if over:
                self.result.late.append(f"after {bound} s there were {left}; "
                                        f"over after {took:.1f} s")
            else:
                self.fail(f"after {took:.0f} s there are {left}; hangs")
        self.result.slowest_end = time.monotonic() - struck
        self.check_code(job, kind, job.wait(1))
        self.take_checkpoint(running=False)
        if request and kind.again is None:
            for key in stored - self.checkpoints[-1].committed:
                self.fail("was stored before the request, but not committed: "
                          f"{self.reference.stages.get(key, '?')} {key}")
        return job.process.returncode == COMPLETE and self.launch == BESOM

    def check_code(self, job, kind, code):
        if self.launch != BESOM:
            return  # Its mpirun's own code.
        allowed = {COMPLETE, INCOMPLETE}
        if kind.name == "launcher":
            allowed = {-kind.number}
        if code not in allowed:
            self.fail(f"exit code {code}, not one of {sorted(allowed)}: "
                      + job.messages()[-600:])

    def end_of(self, job, allowed):
        """Waits for a job that has to end by itself; allowed: its exit codes,
        None for any. Returns whether it says that the sweep is complete."""
        code = job.wait(HANG_SECONDS)
        if code is None:
            self.fail(f"hangs: {self.describe(job)}: {job.messages()[-600:]}")
            return False
        left = job.survivors(GRACE_SECONDS)
        if left:
            left = self.describe(job)
            if job.survivors(HANG_SECONDS):
                self.fail(f"outlived the run: {left}; hangs")
            else:
                self.result.late.append(
                    f"outlived the run by {GRACE_SECONDS} s: {left}")
        if allowed and code not in allowed:
            self.fail(f"exit code {code}, not one of {sorted(allowed)}: "
                      + job.messages()[-600:])
        if code != COMPLETE:
            self.take_checkpoint(running=False)
        return code == COMPLETE

    def undisturbed_job(self):
        with self.start() as job:
            return self.end_of(job, {COMPLETE})

    def take_checkpoint(self, running):
        checkpoint = Checkpoint(self.workspace, running)
        self.checkpoints.append(checkpoint)
        for key in checkpoint.running():
            self.result.stages.append(self.reference.stages.get(key, "?"))

    def describe(self, job):
        ranks = {pid: f"rank {rank}" for rank, pid in job.ranks().items()}
        names = {job.process.pid: "head", job.mpirun(): "mpirun", **ranks}
        return ", ".join(names.get(pid, f"process {pid}")
                         for pid in job.pids()) or "no process"

    def compare(self):
        for checkpoint in self.checkpoints:
            repeated = checkpoint.repeated()
            for key in sorted(repeated):
                stage = self.reference.stages.get(key, "?")
                self.fail(f"begun again after its commit: {stage} {key}")
            lost = len(checkpoint.lost())
            self.result.lost += lost
            self.result.redone += len(checkpoint.redone())
            self.result.most_lost = max(self.result.most_lost, lost)
        rows = same_rows(self.workspace)
        if rows != self.reference.rows:
            self.fail("other rows: " + first_difference(
                self.reference.rows, rows))
        twice = select(self.workspace, "select stage, task, count(*) from "
                       "attempts where outcome = 'done' group by task "
                       "having count(*) > 1")
        for stage, task, count in twice:
            self.fail(f"done {count} times in attempts: {stage} {task}")


def first_difference(wanted, found):
    wanted, found = wanted.split("\n"), found.split("\n")
    for a, b in zip(wanted, found):
        if a != b:
            return f"{a!r} became {b!r}"
    return f"{len(wanted)} rows became {len(found)}"
