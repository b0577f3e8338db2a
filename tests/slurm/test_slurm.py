"""Sweeps as jobs of a real Slurm of three nodes, through what can go wrong."""

import json
import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from besom_process import BIN, besom, same_rows, select  # noqa: E402
from lab import Lab  # noqa: E402
from smoke_case import SMOKE, SmokeCase  # noqa: E402

# Fits that are not fused, so that they end one by one: some seconds of two
# cores in all.
SLOW = ["--set", "model.unfreeze=block7", "--set", "train.epochs=20",
        "--set", "parameters.model.dropout=[0.1,0.2,0.3,0.4,0.5,0.6]",
        "--set", "cluster.mpi_args=[--mca,pml,ob1,--mca,btl,'sm,tcp,self']"]

# The same, but too long for the first of the jobs below.
LONG = SLOW + ["--set", "train.epochs=60"]

lab = None


def setUpModule():
    global lab
    lab = Lab(3).start()


def tearDownModule():
    lab.stop()


class SlurmCase(SmokeCase):
    references = {}  # By settings: the rows of an undisturbed local run.

    def besom(self, *arguments, codes=(0,)):
        done = besom(*arguments, **lab.env)
        self.assertIn(done.returncode, codes, done.stdout + done.stderr)
        return done

    def submit(self, workspace, *arguments, time="10"):
        """The number of the job."""
        done = self.besom("submit", SMOKE, "-w", workspace, "--nodes", 3,
                          "--time", time, *arguments)
        self.addCleanup(lab.ask, "scancel", done.stdout.strip())
        return done.stdout.strip()

    def record(self, workspace):
        return json.loads(
            (workspace / "slurm/smoke.job.json").read_text())

    def log(self, workspace):
        return "\n".join(path.read_text() for path in
                         sorted((workspace / "slurm").glob("*.log")))

    def until_ended(self, workspace, seconds=150):
        """Until nothing follows by the job's record."""
        try:
            lab.until(lambda: self.record(workspace)["ended"] > 0, seconds,
                      "the end of the sweep's job")
        except AssertionError as error:
            raise AssertionError(
                f"{error}\n{self.record(workspace)}\n{lab.ask('squeue')}\n"
                f"{self.log(workspace)}") from None

    def until_fits(self, workspace, count, seconds=90):
        """Until so many fits are committed."""
        def fits():
            try:
                return select(workspace, "select count(*) from attempts where "
                              "stage = 'fine_tune' and outcome = 'done'")[0][0]
            except Exception:  # There is no such table yet.
                return 0
        lab.until(lambda: fits() >= count, seconds, f"{count} fits")

    def stand_in(self, program, script):
        """A line of setup that puts a program of sh lines first on the PATH."""
        folder = Path(self.folder.name) / f"bin-{program}"
        folder.mkdir(exist_ok=True)
        (folder / program).write_text(f"#!/bin/sh\n{script}\n")
        (folder / program).chmod(0o755)
        return ["--setup", f"export PATH={folder}:$PATH"]

    def check_complete(self, workspace, code=0):
        self.besom("status", "-w", workspace, "--exit-code", codes=(code,))

    def check_rows(self, workspace, settings=SLOW):
        """The sweep is complete, with the rows of an undisturbed local run,
        and nothing that was committed was computed again."""
        self.check_complete(workspace)
        key = tuple(settings)
        if key not in self.references:
            local = self.run_smoke(self.workspace(), *settings)
            self.references[key] = same_rows(local)
        self.assertEqual(same_rows(workspace), self.references[key])
        twice = select(workspace, "select trial, stage, count(*) from attempts "
                       "where outcome = 'done' and stage in ('fine_tune', "
                       "'evaluate') group by 1, 2 having count(*) > 1")
        self.assertEqual(twice, [])


class SubmitTest(SlurmCase):
    def test_three_nodes_give_the_rows_of_a_local_run(self):
        workspace = self.workspace()
        done = self.besom("submit", SMOKE, "-w", workspace, "--nodes", 3,
                          "--time", 10, "--wait")
        job = done.stdout.strip()
        self.assertRegex(job, r"^\d+$")
        self.assertIn(f"job {job}: ended", done.stderr)
        self.assertEqual(select(workspace, "select ranks, job from runs"),
                         [(3, job)])
        self.assertEqual(same_rows(workspace),
                         same_rows(self.run_smoke(self.workspace())))
        lab.until_state(job, ("COMPLETED",))
        status = self.besom("status", "-w", workspace).stdout
        self.assertIn(f"job {job}: ended", status)

    def test_srun_starts_ranks_where_mpirun_cannot(self):
        workspace = self.workspace()
        self.besom("submit", SMOKE, "-w", workspace, "--nodes", 3, "--time",
                   10, "--set", "cluster.launcher=srun", "--wait")
        self.assertEqual(select(workspace, "select ranks from runs"), [(3,)])

    def test_where_mpirun_starts_no_ranks_srun_does(self):
        no_program = "PRTE_MCA_plm=nothing"
        no_answer = "PRTE_MCA_plm=ssh PRTE_MCA_plm_ssh_agent=/bin/false"
        for setting in (no_program, no_answer):
            workspace = self.workspace()
            self.besom("submit", SMOKE, "-w", workspace, "--nodes", 3, "--time",
                       10, "--setup", f"export {setting}", "--wait")
            self.assertIn("mpirun could not start ranks; trying srun",
                          self.log(workspace))
            self.assertEqual(select(workspace, "select ranks from runs"),
                             [(3,)])
            self.assertEqual(self.record(workspace)["losses"], {})

    def test_the_site_may_choose_the_network(self):
        workspace = self.workspace()
        self.besom("submit", SMOKE, "-w", workspace, "--nodes", 3, "--time",
                   10, "--wait", "--set", "cluster.mpi_args=[--mca,pml,ob1,"
                   "--mca,btl,'tcp,self',--mca,btl_tcp_if_include,lo]")
        self.assertNotIn("srun", self.log(workspace))
        self.assertEqual(select(workspace, "select ranks from runs"), [(3,)])

    def test_ranks_share_the_cores_of_each_node(self):
        workspace = self.workspace()
        self.besom("submit", SMOKE, "-w", workspace, "--nodes", 2, "--time",
                   10, "--set", "resources.threads_per_rank=1",
                   "--cpus-per-node", 2, "--wait")
        self.assertEqual(select(workspace, "select ranks from runs"), [(4,)])

    def test_each_rank_starts_in_its_container(self):
        workspace = self.workspace()
        started = Path(self.folder.name) / "started"
        container = Path(self.folder.name) / "container"
        container.write_text("#!/bin/sh\n[ \"$1 $2\" = 'exec --nv' ] || exit 1\n"
                             f"shift 2; echo one >> {started}; exec \"$@\"\n")
        container.chmod(0o755)
        self.besom("submit", SMOKE, "-w", workspace, "--nodes", 2, "--time",
                   10, "--setup",
                   f"export BESOM_RANK_PREFIX='{container} exec --nv'",
                   "--wait")
        self.assertEqual(select(workspace, "select ranks from runs"), [(2,)])
        self.assertEqual(started.read_text().split(), ["one", "one"])

    def test_a_job_that_waits_is_shown_and_cancelled(self):
        workspace = self.workspace()
        job = self.submit(workspace, "--extra=--hold")
        status = self.besom("status", "-w", workspace).stdout
        self.assertIn("smoke  submitted, not begun", status)
        self.assertIn(f"job {job}: PENDING (JobHeldUser)", status)
        self.besom("status", "-w", workspace, "--exit-code", codes=(3,))
        again = self.besom("submit", SMOKE, "-w", workspace, codes=(3,))
        self.assertIn(f"job {job} is there already", again.stderr)
        self.besom("cancel", "smoke", "-w", workspace)
        self.assertEqual(lab.state(job), "CANCELLED")
        self.assertGreater(self.record(workspace)["ended"], 0)


class WithoutSlurmTest(SmokeCase):
    def test_without_slurm_it_is_said_what_to_do_and_nothing_is_written(self):
        workspace = self.workspace()
        empty = Path(self.folder.name) / "bin"
        empty.mkdir()
        (empty / "env").symlink_to("/usr/bin/env")
        done = besom("submit", SMOKE, "-w", workspace, PATH=empty)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("Slurm's programs are not on the PATH", done.stderr)
        self.assertIn("besom run SPEC -n", done.stderr)
        self.assertFalse(workspace.exists())

    def test_every_script_passes_the_checks_of_shells(self):
        options = [[], ["--nodes", "4", "--gpus-per-node", "8"],
                   ["--array", "3"], ["--requeue", "false"],
                   ["--extra=--qos=long", "--extra=--comment='two words'"],
                   ["--setup", "module load cuda", "--setup",
                    "export BESOM_RANK_PREFIX='apptainer exec --nv x.sif'"],
                   ["--signal-seconds", "0", "--account", "a b"],
                   ["--set", "ingest.bit_depth_range=full", "--partition", "$(gpu)"]]
        for more in options:
            with self.subTest(more):
                script = Path(self.folder.name) / "job.sh"
                done = besom("submit", SMOKE, "--dry-run", "-w",
                             f"{self.folder.name}/it's `here`", *more)
                self.assertEqual(done.returncode, 0, done.stderr)
                script.write_text(done.stdout)
                for check in (["bash", "-n"], ["shellcheck"]):
                    checked = subprocess.run(check + [script], text=True,
                                             capture_output=True)
                    self.assertEqual(checked.returncode, 0,
                                     checked.stdout + checked.stderr)

    def test_an_array_needs_a_folder_that_all_its_jobs_see(self):
        done = besom("submit", SMOKE, "--dry-run", "--array", 3, "--set",
                     "store=ranks")
        self.assertEqual(done.returncode, 2)
        self.assertIn("store: shared", done.stderr)

    def test_an_option_cannot_hold_a_line_of_its_own(self):
        done = besom("submit", SMOKE, "--dry-run", "--partition", "a\nrm -rf x")
        self.assertEqual(done.returncode, 2)
        self.assertIn("slurm.partition", done.stderr)


class TimeLimitTest(SlurmCase):
    def test_a_sweep_longer_than_its_jobs_ends_complete(self):
        workspace = self.workspace()
        job = self.submit(workspace, *LONG, "--signal-seconds", 40, time="1")
        self.until_ended(workspace, 300)
        self.check_rows(workspace, LONG)
        self.assertGreater(self.record(workspace)["links"], 1)
        self.assertEqual(self.record(workspace)["job"], job)
        kinds = [kind for kind, in select(workspace, "select kind from events")]
        self.assertIn("slurm_requeued", kinds)

    def test_where_requeue_is_not_allowed_another_job_follows(self):
        workspace = self.workspace()
        job = self.submit(workspace, *LONG, "--requeue", "false",
                          "--signal-seconds", 40, time="1")
        self.until_ended(workspace, 300)
        self.check_rows(workspace, LONG)
        self.assertNotEqual(self.record(workspace)["job"], job)

    def test_a_chain_has_a_most_length(self):
        workspace = self.workspace()
        job = self.submit(workspace, *SLOW, "--max-links", 1)
        self.until_fits(workspace, 2)
        lab.ask("scancel", "--batch", "--signal=USR1", job)
        self.until_ended(workspace)
        lab.until_state(job, ("FAILED",))
        self.check_complete(workspace, code=3)
        self.assertIn("slurm.max_links", self.record(workspace)["why"])
        self.assertEqual(
            select(workspace,
                   "select count(*) from events where kind = 'slurm_stopped'"),
            [(1,)])

    def test_a_signal_without_need_costs_no_place_in_the_queue(self):
        workspace = self.workspace()
        job = self.submit(workspace, *SLOW)
        self.until_fits(workspace, 2)
        lab.ask("scancel", "--batch", "--signal=USR1", job)
        self.until_ended(workspace)
        self.check_rows(workspace)
        self.assertEqual(self.record(workspace)["links"], 2)
        self.assertEqual(lab.job(job)["Restarts"], "0")

    def submit_that_is_followed(self, workspace, *arguments):
        """A job that ends by a warning, and has too little time for another
        run and no leave to be queued again."""
        job = self.submit(workspace, *SLOW, "--requeue", "false",
                          "--signal-seconds", 400, *arguments)
        self.until_fits(workspace, 2)
        lab.ask("scancel", "--batch", "--signal=USR1", job)
        self.until_ended(workspace)
        return job

    def test_a_follower_that_is_refused_ends_the_chain_in_words(self):
        workspace = self.workspace()
        job = self.submit_that_is_followed(workspace, *self.stand_in(
            "sbatch", "echo 'sbatch: error: no more jobs today' >&2; exit 1"))
        lab.until_state(job, ("FAILED",))
        self.check_complete(workspace, code=3)
        self.assertIn("no more jobs today", self.record(workspace)["why"])
        self.assertEqual(self.record(workspace)["links"], 1)
        self.assertEqual(
            select(workspace,
                   "select count(*) from events where kind = 'slurm_stopped'"),
            [(1,)])

    def test_a_follower_is_submitted_once_whatever_slurm_answers(self):
        workspace = self.workspace()
        asked = Path(self.folder.name) / "asked"
        job = self.submit_that_is_followed(workspace, *self.stand_in(
            "sbatch", f"/usr/bin/sbatch \"$@\"; code=$?\n"
            f"[ -e {asked} ] && exit $code; touch {asked}\n"
            "echo 'sbatch: error: Batch job submission failed: Socket timed "
            "out on send/recv operation' >&2; exit 1"))
        self.check_rows(workspace)
        self.assertEqual(self.record(workspace)["job"], str(int(job) + 1))
        self.assertEqual(lab.state(int(job) + 2), "")

    def test_what_follows_is_seen_to_while_slurm_ends_the_job(self):
        workspace = self.workspace()
        seen = Path(self.folder.name) / "seen"
        job = self.submit(workspace, *SLOW, *self.stand_in(
            "scontrol", "if tr '\\0' ' ' < /proc/$PPID/cmdline | grep -q "
            f"after-job; then touch {seen}; sleep 2; fi\n"
            "exec /usr/bin/scontrol \"$@\""))
        self.until_fits(workspace, 2)
        lab.ask("scancel", "--batch", "--signal=USR1", job)
        lab.until(seen.exists, 60, "the question what follows")
        lab.ask("scancel", "--full", "--signal=TERM", job)
        self.until_ended(workspace)
        self.check_rows(workspace)

    def test_what_the_user_excluded_stays_excluded(self):
        workspace = self.workspace()
        job = self.besom("submit", SMOKE, "-w", workspace, "--time", 10, *LONG,
                         "--extra=--exclude=node1", "--signal-seconds", 400
                         ).stdout.strip()
        self.addCleanup(lab.ask, "scancel", job)
        self.until_fits(workspace, 1)
        record = self.record(workspace)
        record["losses"] = {"node3": 2}
        (workspace / "slurm/smoke.job.json").write_text(json.dumps(record))
        lab.ask("scancel", "--batch", "--signal=USR1", job)
        lab.until(lambda: lab.job(job).get("ExcNodeList") == "node1,node3",
                  60, "both are left out")

    def test_what_ends_a_sweep_ends_the_chain(self):
        workspace = self.workspace()
        job = self.submit(
            workspace, *SLOW, "--set", "limits.failures=0", "--set",
            "parameters={train.learning_rate: {values: [1.0e+30, 1.1e+30, "
            "1.0e-3, 2.0e-3, 3.0e-3, 4.0e-3]}}")
        self.until_ended(workspace)
        record = self.record(workspace)
        self.assertIn("limits.failures", record["why"])
        self.assertEqual((record["links"], record["job"]), (1, job))
        lab.until_state(job, ("FAILED",))

    def test_without_progress_the_chain_ends(self):
        workspace = self.workspace()
        program = Path(self.folder.name) / "worker"
        program.write_text("#!/bin/sh\nexit 3\n")
        program.chmod(0o755)
        job = self.submit(workspace, "--setup",
                          f"export BESOM_WORKER={program}")
        self.until_ended(workspace)
        lab.until_state(job, ("FAILED",))
        self.assertIn("nothing was finished", self.record(workspace)["why"])
        self.assertIn("cure:", self.log(workspace))


class ArrayTest(SlurmCase):
    def records(self, workspace):
        return [json.loads(path.read_text()) for path in
                sorted((workspace / "slurm").glob("smoke.*-of-3.job.json"))]

    def until_all_ended(self, workspace):
        lab.until(lambda: all(record["ended"] > 0
                              for record in self.records(workspace)), 150,
                  f"the end of all jobs: {self.log(workspace)}")

    def test_three_jobs_give_the_rows_of_one(self):
        workspace = self.workspace()
        done = self.besom("submit", SMOKE, "-w", workspace, "--array", 3,
                          "--time", 10, *SLOW, "--wait")
        job = done.stdout.strip()
        self.assertEqual([record["job"] for record in self.records(workspace)],
                         [f"{job}_0", f"{job}_1", f"{job}_2"])
        self.check_rows(workspace)
        self.assertEqual(select(workspace, "select count(*) from runs "
                                "where outcome = 'finished'"), [(3,)])

    def test_a_job_of_an_array_is_queued_again_by_itself(self):
        workspace = self.workspace()
        done = self.besom("submit", SMOKE, "-w", workspace, "--array", 3,
                          "--time", 10, *SLOW)
        job = done.stdout.strip()
        self.addCleanup(lab.ask, "scancel", job)
        part = workspace / "parts/smoke/1-of-3.db"
        lab.until(lambda: part.exists() and lab.state(f"{job}_1") == "RUNNING",
                  60, "the part of the second job")
        lab.ask("scontrol", "requeue", f"{job}_1")
        status = self.besom("status", "-w", workspace).stdout
        self.assertIn(f"job {job}_0:", status)
        self.until_all_ended(workspace)
        self.check_rows(workspace)


    def test_a_trial_that_fails_is_no_fault_of_mpirun(self):
        workspace = self.workspace()
        done = self.besom(
            "submit", SMOKE, "-w", workspace, "--array", 2, "--time", 10,
            "--cpus-per-node", 2, "--set", "resources.threads_per_rank=1",
            "--set", "limits.failures=100%", "--set",
            "parameters={train.learning_rate: {values: [1.0e+30, 1.0e-3]}}",
            "--wait", codes=(1,))
        self.addCleanup(lab.ask, "scancel", done.stdout.strip())
        self.assertEqual(select(workspace, "select distinct ranks from runs"),
                         [(2,)])
        self.assertNotIn("srun", self.log(workspace))


class EndedFromOutsideTest(SlurmCase):
    def test_scancel_leaves_a_sweep_that_can_be_resumed(self):
        workspace = self.workspace()
        job = self.submit(workspace, *SLOW)
        self.until_fits(workspace, 2)
        lab.ask("scancel", job)
        lab.until_state(job, ("CANCELLED",))
        self.check_complete(workspace, code=3)
        self.assertIn("cancelled", self.record(workspace)["why"])
        self.submit(workspace, *SLOW)
        self.until_ended(workspace)
        self.check_rows(workspace)

    def test_cancel_stores_what_is_finished(self):
        workspace = self.workspace()
        job = self.submit(workspace, *SLOW)
        self.until_fits(workspace, 2)
        self.besom("cancel", "smoke", "-w", workspace)
        self.assertIn(lab.state(job), ("FAILED", "COMPLETED", "CANCELLED"))
        self.check_complete(workspace, code=3)
        self.assertEqual(select(
            workspace, "select outcome from runs"), [("interrupted",)])
        self.besom("run", SMOKE, "-w", workspace, *SLOW)
        self.check_rows(workspace)

    def test_a_preempted_job_goes_on_when_the_nodes_are_free_again(self):
        workspace = self.workspace()
        job = self.submit(workspace, *SLOW)
        self.until_fits(workspace, 2)
        urgent = lab.ask("sbatch", "--parsable", "-p", "urgent", "-N3",
                         "--exclusive", "-o", "/dev/null", "--wrap", "sleep 1")
        lab.until_state(urgent, ("COMPLETED",))
        self.until_ended(workspace)
        self.assertEqual(lab.job(job)["Restarts"], "1")
        self.check_rows(workspace)

    def test_nodes_that_slurm_needs_are_not_lost(self):
        # With time to end: Slurm ends mpirun's daemons of the other nodes first.
        workspace = self.workspace()
        self.submit(workspace, *SLOW, "--partition", "patient")
        self.until_fits(workspace, 2)
        urgent = lab.ask("sbatch", "--parsable", "-p", "urgent", "-N3",
                         "--exclusive", "-o", "/dev/null", "--wrap", "sleep 1")
        lab.until_state(urgent, ("COMPLETED",), 90)
        self.until_ended(workspace)
        self.assertEqual(self.record(workspace)["losses"], {})
        self.check_rows(workspace)

    def test_a_killed_rank_is_done_without(self):
        workspace = self.workspace()
        self.submit(workspace, *SLOW)
        self.until_fits(workspace, 1)
        os.kill(lab.processes(3, "besom-worker")[0], signal.SIGKILL)
        self.until_ended(workspace)
        self.check_rows(workspace)
        self.assertEqual(self.record(workspace)["links"], 1)


class LostNodeTest(SlurmCase):
    def kill_launcher_of(self, node):
        """As when a node dies: mpirun's daemon there and all its ranks."""
        for program in ("prted", "besom-worker"):
            for pid in lab.processes(node, program):
                os.kill(pid, signal.SIGKILL)

    def test_a_lost_node_is_tried_once_more_then_left_out(self):
        workspace = self.workspace()
        self.submit(workspace, *SLOW)
        self.until_fits(workspace, 1)
        self.kill_launcher_of(3)
        lab.until(lambda: self.record(workspace)["losses"] == {"node3": 1}, 30,
                  "the first loss of node 3")
        lab.until(lambda: lab.processes(3, "besom-worker"), 30,
                  "ranks on all nodes again")
        lab.until(lambda: select(workspace, "select count(*) from runs") ==
                  [(2,)], 30, "the second run")
        self.kill_launcher_of(3)
        lab.until(lambda: self.record(workspace)["losses"] == {"node3": 2}, 30,
                  "the second loss of node 3")
        self.until_ended(workspace)
        self.check_rows(workspace)
        self.assertEqual(select(workspace, "select ranks from runs order by "
                                "started"), [(3,), (3,), (2,)])

    def test_a_node_whose_slurm_daemon_dies_is_done_without(self):
        workspace = self.workspace()
        self.submit(workspace, *SLOW)
        self.until_fits(workspace, 1)
        lab.kill("slurmd3")
        # Slurm finds it out by itself, after up to two minutes.
        lab.ask("scontrol", "update", "NodeName=node3", "State=DOWN",
                "Reason=lost")
        try:
            self.until_ended(workspace)
        finally:
            lab.start_node(3)
            lab.ask("scontrol", "update", "NodeName=node3", "State=RESUME")
        self.check_rows(workspace)
        self.assertEqual(select(workspace, "select ranks from runs order by "
                                "started"), [(3,), (2,)])
        lab.until(lambda: lab.usable() == 3, 60, "node 3 is back")


class SlurmGoneTest(SlurmCase):
    def test_slurm_itself_may_be_gone_for_a_while(self):
        workspace = self.workspace()
        job = self.submit(workspace, *SLOW)
        self.until_fits(workspace, 1)
        lab.until_saved(job)
        lab.kill("slurmctld")
        lab.start_controller()
        self.until_ended(workspace)
        self.check_rows(workspace)
        lab.until_state(job, ("COMPLETED",))

    def test_a_job_that_slurm_forgets_is_said_to_be_gone_and_resumed(self):
        workspace = self.workspace()
        job = self.submit(workspace, *LONG)
        self.until_fits(workspace, 1)
        lab.kill("slurmctld")
        lab.start_controller("-c")
        lab.until(lambda: "gone without an end" in
                  self.besom("status", "-w", workspace).stdout, 60,
                  "the end of what Slurm does not know")
        status = self.besom("status", "-w", workspace, "--exit-code",
                            codes=(3,)).stdout
        self.assertIn(f"job {job}: Slurm does not know it any more", status)
        self.assertNotIn("running", status)
        lab.until(lambda: lab.usable() == 3, 60, "all nodes")
        [(done,)] = select(workspace, "select count(*) from attempts where "
                           "stage = 'fine_tune' and outcome = 'done'")
        self.submit(workspace, *LONG)
        self.until_fits(workspace, done + 1)
        self.besom("cancel", "smoke", "-w", workspace)


if __name__ == "__main__":
    unittest.main(verbosity=2)
