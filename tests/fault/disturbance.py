"""The ways to disturb a run, and who of its processes is hit."""

import os
import signal

from marked_job import poll

# Seconds to find a victim that has not been started yet.
PATIENCE = 20


class Disturbance:
    """One kind: which processes get which signal, and what has to follow.

    survives: with fault tolerance the run goes on and ends by itself.
    launches: ways of starting a run that have such a victim.
    """

    def __init__(self, name, number, launches, victims, survives=False,
                 again=None):
        self.name = name
        self.number = number
        self.launches = launches
        self.victims = victims
        self.survives = survives
        self.again = again  # Seconds after which the signal comes once more.

    def strike(self, job, draw):
        """Sends the signal; returns the number of processes that got it."""
        found = poll(lambda: self.victims(job, draw) or not job.alive(),
                     PATIENCE)
        hit = 0
        for pid in found if isinstance(found, list) else []:
            try:
                os.kill(pid, self.number)
                hit += 1
            except ProcessLookupError:
                pass
        return hit


def one_worker(job, draw):
    ranks = job.ranks()
    workers = [rank for rank in sorted(ranks) if rank > 0]
    return [ranks[draw.choice(workers)]] if workers else []


def all_ranks(job, draw):
    return list(job.ranks().values())


def rank_0(job, draw):
    ranks = job.ranks()
    return [ranks[0]] if 0 in ranks else []


def mpirun(job, draw):
    pid = job.mpirun()
    return [pid] if pid else []


def launcher(job, draw):
    return [job.process.pid] if job.alive() else []


BESOM, PLAIN, OWN_ULFM = "besom", "mpirun", "mpirun-ulfm"
EVERY = (BESOM, PLAIN, OWN_ULFM)
KILL = signal.SIGKILL

KILLS = [
    Disturbance("worker", KILL, EVERY, one_worker, survives=True),
    Disturbance("all ranks", KILL, EVERY, all_ranks),
    Disturbance("rank 0", KILL, EVERY, rank_0),
    Disturbance("mpirun", KILL, EVERY, mpirun),
    Disturbance("launcher", KILL, (BESOM,), launcher),
]
STOPS = [
    Disturbance("worker stopped", signal.SIGSTOP, (BESOM,), one_worker,
                survives=True),
]
SIGNALS = [
    Disturbance("SIGINT", signal.SIGINT, (BESOM,), launcher),
    Disturbance("SIGTERM", signal.SIGTERM, (BESOM,), launcher),
    Disturbance("SIGINT twice", signal.SIGINT, (BESOM,), launcher, again=0.1),
    Disturbance("SIGTERM to mpirun", signal.SIGTERM, (PLAIN,), mpirun),
]
MODES = {"kill": KILLS, "stop": STOPS, "signal": SIGNALS,
         "all": KILLS + SIGNALS + STOPS}
