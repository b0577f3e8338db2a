"""Starts and observes the programs of the launcher and fault tests."""

import os
import signal
import subprocess
import tempfile
import threading
import time

PATIENCE = 15  # Seconds; longer than any step takes on a busy machine.


def is_alive(pid):
    """False for a pid that is gone or only waits to be collected."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition, seconds, what):
    """Waits for condition(); returns how long that took."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)
    return time.monotonic() - start


class Program:
    """A running program whose output lines are collected."""

    def __init__(self, command, **environment):
        self.out, self.err = [], []
        # For the files of an mpirun, which may not remove them.
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm")
        environment = {
            "PRTE_MCA_prte_local_tmpdir_base": self.folder.name,
            "OMPI_MCA_btl_sm_backing_directory": self.folder.name,
            **environment,
        }
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        self.readers = []
        for stream, lines in (
            (self.process.stdout, self.out),
            (self.process.stderr, self.err),
        ):
            reader = threading.Thread(target=lines.extend, args=(stream,))
            reader.start()
            self.readers.append(reader)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pid in self.pids():
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        for reader in self.readers:
            reader.join(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()
        self.folder.cleanup()

    def pids(self):
        """The last word of every "waiting PID" and "deaf PID" line."""
        return [
            int(line.split()[1])
            for line in list(self.out)
            if line.startswith(("waiting ", "deaf "))
        ]

    def wait_for_ranks(self, count):
        wait_until(
            lambda: len(self.pids()) == count or self.process.poll() is not None,
            PATIENCE,
            f"{count} ranks; output {self.out} {self.err}",
        )
        pids = self.pids()
        assert len(pids) == count, f"{self.out} {self.err}"
        return pids

    def send(self, number):
        self.process.send_signal(number)

    def end(self, seconds=PATIENCE):
        """Waits for the end; returns the exit code, with -signal for one."""
        code = self.process.wait(seconds)
        for reader in self.readers:
            reader.join(PATIENCE)
        return code
