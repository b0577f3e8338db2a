"""One run of the campaign: disturbed, checked, resumed, compared."""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from besom_process import same_rows, select
from disturbance import BESOM, MODES, OWN_ULFM, PLAIN
from ledger import Checkpoint, Ledger
from marked_job import Job, poll

SPEC = Path(__file__).with_name("campaign.yaml")
# No process of a run outlives its end, or the death of its head, by more.
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
        self.kind, self.launch = cases[number % len(cases)]
        self.ranks = self.draw.choice([2, 3])
        # Sometimes a second one: in the same job, or while it is resumed.
        self.second = self.draw.choice([None, None, "same job", "resume"])
        if mode in ("stop", "signal"):
            self.second = None
        self.options = ["--progress", "none"]
        if "stopped" in self.kind.name:
            self.options += ["--set", "limits.lease=2"]
        tolerant = self.launch in (BESOM, OWN_ULFM)
        plan = f"{self.kind.name}, {self.launch} -n {self.ranks}"
        if self.second:
            plan += f", again ({self.second})"
        self.result = Result(number, self.kind.name, tolerant, plan)
        self.checkpoints = []

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

    def wait_for_moment(self, job):
        """A number of begun tasks, and a little longer; or a point in time,
        which also hits the start and the end of a run."""
        if self.draw.random() < 0.25:
            poll(lambda: not job.alive(),
                 self.draw.uniform(0, 1.1 * self.reference.seconds))
            return
        ledger = Ledger(self.workspace)
        before = sum(ledger.keys("begin").values())
        left = max(1, self.reference.tasks - len(ledger.keys("end")))
        goal = before + self.draw.randint(1, left)
        poll(lambda: sum(ledger.keys("begin").values()) >= goal
             or not job.alive(), HANG_SECONDS)
        time.sleep(self.draw.uniform(0, 0.1))

    def disturbed_job(self, kind):
        """Returns whether the sweep is complete."""
        with self.start() as job:
            self.wait_for_moment(job)
            working = bool(Ledger(self.workspace).keys("begin"))
            if not job.alive() or not kind.strike(job, self.draw):
                return self.end_of(job, {COMPLETE})
            self.result.struck += 1
            struck = time.monotonic()
            if kind.again is not None:
                time.sleep(kind.again)
                kind.strike(job, self.draw)
                struck = time.monotonic()
            goes_on = kind.survives and self.result.tolerant
            if goes_on:
                self.take_checkpoint(running=True)
                if self.second == "same job":
                    time.sleep(self.draw.uniform(0, 0.5))
                    if job.alive() and kind.strike(job, self.draw):
                        self.result.struck += 1
                        self.take_checkpoint(running=True)
                # Before the first task there may be no MPI yet to survive.
                allowed = {COMPLETE} if working else None
                return self.end_of(job, allowed)
            return self.end_soon(job, kind, struck)

    def end_soon(self, job, kind, struck):
        """The end of a job that this disturbance ends."""
        bound = GRACE_SECONDS
        if kind.number.name in ("SIGINT", "SIGTERM"):
            bound = AT_ONCE_SECONDS if kind.again else STOP_SECONDS
        if job.survivors(bound - (time.monotonic() - struck)):
            left = self.describe(job)
            more = time.monotonic()
            ended = not job.survivors(HANG_SECONDS)
            took = time.monotonic() - more + bound
            self.fail(f"after {bound} s there were {left}; "
                      + (f"ended after {took:.1f} s" if ended else "hangs"))
        self.result.slowest_end = max(self.result.slowest_end,
                                      time.monotonic() - struck)
        code = job.wait(1)
        self.take_checkpoint(running=False)
        allowed = {COMPLETE, INCOMPLETE}
        if kind.name == "launcher":
            allowed = {-kind.number}
        elif self.launch != BESOM:  # Its mpirun's own code, or none at all.
            allowed = {code}
        if code not in allowed:
            self.fail(f"exit code {code}, not one of {sorted(allowed)}: "
                      + job.messages()[-600:])
        return code == COMPLETE and self.launch == BESOM

    def end_of(self, job, allowed):
        """Waits for a job that has to end by itself; allowed: its exit codes,
        None for any. Returns whether it says that the sweep is complete."""
        code = job.wait(HANG_SECONDS)
        if code is None:
            self.fail(f"hangs: {self.describe(job)}: {job.messages()[-600:]}")
            return False
        left = job.survivors(GRACE_SECONDS)
        if left:
            self.fail(f"outlived the run by {GRACE_SECONDS} s: "
                      + self.describe(job))
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
