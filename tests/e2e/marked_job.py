"""A run of the real programs whose every process can be found again.

Each job puts a mark of its own into the environment that all its processes
inherit, so they are found by what they are, never by name: a mark is read from
/proc/PID/environ, which a zombie does not have.
"""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

from besom_process import BIN, MPIRUN, environment

MARK = "BESOM_TEST_JOB"
# What the launcher adds by itself where the MPI has it.
ULFM = ["--with-ft", "ulfm", "--mca", "async_mpi_finalize", "1"]


def variables_of(pid):
    """A process's environment when it was started; {} when it is gone."""
    try:
        text = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)


def poll(condition, seconds, pause=0.01):
    """Whether condition() came true within so many seconds; its last value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() >= end:
            return value
        time.sleep(pause)


class Job:
    """One `besom run`, started in a session of its own.

    launch: "besom" (besom starts mpirun; one rank: none), "mpirun" (a user's
    own, with the settings of `besom env`), or "mpirun-ulfm" (the same with
    fault tolerance).
    """

    def __init__(self, launch, ranks, spec, workspace, *options, **more):
        self.mark = uuid.uuid4().hex
        self.launch = launch
        self.mpirun_less = launch == "besom" and int(ranks) == 1
        # In a folder of its own: the files of Open MPI, which a killed mpirun
        # leaves behind and another one trips over, and the output.
        self.folder = Path(tempfile.mkdtemp(prefix="besom-test-", dir="/dev/shm"))
        self.shared_memory = set()
        run = [BIN / "besom", "run", spec, "-w", workspace, *options]
        if launch == "besom":
            command = [*run, "-n", ranks]
        else:
            own = [MPIRUN, *(ULFM if launch == "mpirun-ulfm" else []), "-n",
                   ranks, *run]
            settings = subprocess.run(
                [BIN / "besom", "env"], text=True, stdout=subprocess.PIPE,
                env=environment(BESOM_MPIRUN=MPIRUN), check=True).stdout
            command = ["bash", "-c", settings + "\nexec " + shlex.join(
                map(str, own))]
        self.out, self.err = self.folder / "out", self.folder / "err"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=out,
                stderr=err, start_new_session=True,
                env=environment(**self.settings(), **more))
        self.started = time.monotonic()

    def settings(self):
        own = {MARK: self.mark, "TMPDIR": self.folder}
        if self.launch != "besom":
            own["PRTE_MCA_prte_local_tmpdir_base"] = self.folder
            own["OMPI_MCA_btl_sm_backing_directory"] = self.folder
        return own

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_all()
        for folder in {self.folder, *self.shared_memory}:
            shutil.rmtree(folder, ignore_errors=True)

    def environments(self):
        """Of every living process of this job: pid -> environment."""
        found = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                variables = variables_of(entry)
                if variables.get(MARK) == self.mark:
                    found[int(entry)] = variables
        for variables in found.values():
            folder = variables.get("OMPI_MCA_btl_sm_backing_directory", "")
            if folder:
                self.shared_memory.add(folder)
        return found

    def pids(self):
        return sorted(self.environments())

    def ranks(self):
        """Rank -> pid, of those that live."""
        if self.mpirun_less:
            return {0: self.process.pid} if self.alive() else {}
        return {int(variables["OMPI_COMM_WORLD_RANK"]): pid
                for pid, variables in self.environments().items()
                if "OMPI_COMM_WORLD_RANK" in variables}

    def mpirun(self):
        """Its pid, or None where there is none (yet)."""
        if self.launch != "besom":
            return self.process.pid if self.alive() else None
        for pid, variables in self.environments().items():
            if pid != self.process.pid and "OMPI_COMM_WORLD_RANK" not in variables:
                return pid
        return None

    def alive(self):
        return self.process.poll() is None

    def seconds(self):
        return time.monotonic() - self.started

    def wait(self, seconds):
        """The exit code (-signal for one), or None when it still runs."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def survivors(self, seconds):
        """The processes that are still there after so many seconds."""
        poll(lambda: not self.pids(), seconds, 0.05)
        return self.pids()

    def end_all(self):
        """Kills what is left, by the mark."""
        def kill_left():
            left = self.pids()
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not left
        poll(kill_left, 10, 0.05)
        self.process.wait()

    def output(self):
        return self.out.read_text(errors="replace")

    def messages(self):
        return self.err.read_text(errors="replace")
