"""A real Slurm of several nodes on this machine, for as long as a test needs.

munge, slurmctld and one slurmd a node run as root, without systemd, with all
their files in a temporary folder; the nodes are this host under several names,
or, with `hosts`, network namespaces with names and addresses of their own.
Every daemon is a child of this process and is ended through it.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

CONFIG = """
ClusterName=lab
SlurmctldHost={host}({address})
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# A job that is queued again waits until its old credential is over.
AuthInfo=socket={root}/munge/socket,cred_expire=5
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.%n.pid
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/slurmd.%n.log
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool/%n
# srun --mpi=pmix puts files there; those of several nodes must not collide.
TmpFS={root}/tmp/%n
SwitchType=switch/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=1,sched_interval=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=2
MinJobAge=300
KillWait=5
BatchStartTimeout=10
CompleteWait=0
UnkillableStepTimeout=10
SlurmdTimeout=5
SlurmctldTimeout=20
InactiveLimit=0
MessageTimeout=5
EpilogMsgTime=0
OverTimeLimit=0
PropagateResourceLimits=NONE
SlurmdParameters=config_overrides
{nodes}
PartitionName=lab Nodes=node[1-{count}] Default=YES PriorityTier=1 MaxTime=INFINITE State=UP
PartitionName=patient Nodes=node[1-{count}] PriorityTier=1 GraceTime=12 MaxTime=INFINITE State=UP
PartitionName=urgent Nodes=node[1-{count}] PriorityTier=9 MaxTime=INFINITE State=UP
"""


def free_ports(count):
    """`count` ports in a row that nobody listens on, and that no other lab of
    this moment is about to take."""
    first = 20000 + os.getpid() % 500 * 20
    for base in range(first, 31000, count):
        sockets = []
        try:
            for port in range(base, base + count):
                sockets.append(socket.socket())
                sockets[-1].bind(("0.0.0.0", port))
            return base
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise RuntimeError("no free ports")


class Lab:
    def __init__(self, nodes=3):
        self.count = nodes
        self.root = Path(tempfile.mkdtemp(prefix="besom-slurm-"))
        self.daemons = {}
        # Jobs call the program under test itself, not a launcher that may
        # stand for another build.
        self.env = {"SLURM_CONF": str(self.root / "slurm.conf"),
                    "BESOM_LAUNCHER": ""}
        for name in ("munge", "state", "log"):
            (self.root / name).mkdir()
        (self.root / "munge").chmod(0o755)
        self.root.chmod(0o711)
        for i in self.numbers():
            for name in ("spool", "tmp"):
                (self.root / name / f"node{i}").mkdir(parents=True)
        self.configure()

    def numbers(self):
        return range(1, self.count + 1)

    def configure(self):
        host, base = socket.gethostname().split(".")[0], free_ports(self.count + 1)
        nodes = "\n".join(
            f"NodeName=node{i} NodeHostname={host} NodeAddr=127.0.0.1 "
            f"Port={base + i} CPUs=2 RealMemory=1000 State=UNKNOWN"
            for i in self.numbers())
        (self.root / "slurm.conf").write_text(CONFIG.format(
            host=host, address="127.0.0.1", port=base, root=self.root,
            nodes=nodes, count=self.count))

    # Daemons.

    def launch(self, name, *command):
        with (self.root / "log" / f"{name}.out").open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT,
                env={**os.environ, **self.env}, start_new_session=True)

    def start(self):
        (self.root / "munge.key").write_bytes(os.urandom(128))
        (self.root / "munge.key").chmod(0o600)
        munge = self.root / "munge"
        self.launch("munged", "/usr/sbin/munged", "--foreground",
                    f"--key-file={self.root}/munge.key",
                    f"--socket={munge}/socket", f"--pid-file={munge}/pid",
                    f"--log-file={self.root}/log/munged.log",
                    f"--seed-file={self.root}/munge.seed", "--num-threads=2")
        self.until(lambda: (munge / "socket").exists(), 20, "munged")
        self.start_controller("-c")
        for i in self.numbers():
            self.start_node(i)
        self.until(lambda: self.usable() == self.count, 30, "all nodes")
        return self

    def start_controller(self, state="-R"):
        """`-R` keeps the jobs of an earlier one, `-c` forgets them."""
        self.launch("slurmctld", "/usr/sbin/slurmctld", "-D", state, "-i",
                    "-f", self.env["SLURM_CONF"])

    def start_node(self, i):
        self.launch(f"slurmd{i}", "/usr/sbin/slurmd", "-D", "-N", f"node{i}",
                    "-f", self.env["SLURM_CONF"])

    def kill(self, name, number=signal.SIGKILL):
        """Ends a daemon: "slurmctld", "slurmd2"."""
        daemon = self.daemons.pop(name)
        daemon.send_signal(number)
        try:
            daemon.wait(timeout=20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def stop(self):
        if "slurmctld" in self.daemons:
            for job in self.ask("squeue", "-h", "-o", "%A").split():
                self.ask("scancel", job)
            self.until(lambda: not self.ask("squeue", "-h"), 20, "no jobs",
                       check=False)
        for name in sorted(self.daemons, reverse=True):
            self.kill(name, signal.SIGTERM if name != "munged"
                      else signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.show_logs()
            self.stop()
            raise

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.show_logs()
        self.stop()

    def show_logs(self):
        for log in sorted((self.root / "log").iterdir()):
            lines = log.read_text(errors="replace").splitlines()[-15:]
            print(f"--- {log.name}", *lines, sep="\n")

    # Questions.

    def ask(self, *command, timeout=30):
        return subprocess.run(
            command, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env={**os.environ, **self.env},
            timeout=timeout).stdout.strip()

    def usable(self):
        return len(re.findall(r"^(idle|mixed|allocated)$",
                              self.ask("sinfo", "-h", "-N", "-p", "lab",
                                       "-o", "%T"), re.M))

    def job(self, number):
        """What scontrol says of a job, by field; empty for none."""
        line = self.ask("scontrol", "-o", "show", "job", str(number))
        return dict(re.findall(r"(\S+?)=(\S*)", line.split("\n")[0]))

    def state(self, number):
        return self.job(number).get("JobState", "")

    def until(self, condition, seconds, what, check=True):
        """Polls; a bound, not a measure of time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.05)
        if check:
            raise AssertionError(f"did not happen within {seconds} s: {what}")
        return False

    def until_saved(self, number):
        """Until Slurm has written down what it knows of a job now. It does so
        some seconds late, and killed before, it forgets that a job runs."""
        word = f"saved-{time.monotonic_ns()}"
        self.ask("scontrol", "update", f"jobid={number}", f"comment={word}")
        self.until(lambda: word.encode() in
                   (self.root / "state/job_state").read_bytes(), 30,
                   f"job {number} in the saved state")

    def until_state(self, number, states, seconds=60):
        self.until(lambda: self.state(number) in states, seconds,
                   f"job {number} in {states}, it is {self.state(number)}")

    def processes(self, node, program):
        """Pids of `program` that Slurm started on `node`."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and \
                        (entry / "comm").read_text().strip() == program and \
                        f"SLURMD_NODENAME=node{node}\0".encode() in \
                        (entry / "environ").read_bytes() and \
                        self.env["SLURM_CONF"].encode() in \
                        (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return sorted(found)
