"""Fetches weights with the real program from a server that misbehaves.

usage: fetch_test.py BESOM

The registry is one of the test's own ($BESOM_WEIGHTS_REGISTRY), every address
in it on this machine.
"""

import hashlib
import io
import json
import os
import pathlib
import pty
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from flaky_server import FlakyServer

BESOM = sys.argv.pop(1)
NAME = "efficientnet_lite0.test"
ENTRY = {"name": NAME, "backbone": "efficientnet_lite0", "publisher": "test",
         "preprocessing": "caffe", "input_size": 224, "license": "CC0",
         "citation": "nobody"}


def published():
    """A state dict as its publisher saves it, and its bytes."""
    torch.manual_seed(3)
    state = timm.create_model("tf_efficientnet_lite0").state_dict()
    out = io.BytesIO()
    torch.save(state, out)
    return state, out.getvalue()


STATE, DATA = published()
SHA256 = hashlib.sha256(DATA).hexdigest()
HALF = len(DATA) // 2


class FetchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.weights = self.folder / "weights"
        self.weights.mkdir()
        self.server = FlakyServer()
        self.addCleanup(lambda: self.server.close())
        self.register(sha256_prefix=SHA256[:8])

    def register(self, path="/w.pth", **digest):
        entry = {**ENTRY, "url": self.server.url(path), **digest}
        (self.folder / "registry.json").write_text(json.dumps([entry]))

    def command(self, *options, name=NAME, retry_wait="0.01"):
        return [BESOM, "weights", "fetch", "--retry-wait", retry_wait,
                *options, "--", name]

    @property
    def environment(self):
        return {**os.environ, "BESOM_WEIGHTS": str(self.weights),
                "BESOM_WEIGHTS_REGISTRY": str(self.folder / "registry.json"),
                "no_proxy": "*"}

    def fetch(self, *options, name=NAME, **more):
        return subprocess.run(self.command(*options, name=name),
                              env=self.environment, capture_output=True,
                              text=True, timeout=100, **more)

    def start(self, *options):
        return subprocess.Popen(self.command(*options), env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)

    def files(self):
        return sorted(entry.name for entry in self.weights.iterdir())

    def assert_fetched(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        path = self.weights / f"{NAME}.safetensors"
        self.assertEqual(done.stdout, f"{path}\n")
        self.assertEqual(self.files(), [path.name])
        ours = load_file(path)
        for name, tensor in ours.items():
            self.assertTrue(torch.equal(tensor, STATE[name]), name)
        self.assertGreater(len(ours), 200)
        return done

    def assert_failed(self, done, code, *words, left=()):
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(self.files(), sorted(left))

    PART = [f"{NAME}.part", f"{NAME}.part.json"]

    # --- what works ---

    def test_a_whole_file(self):
        script = self.server.serve("/w.pth", DATA)
        done = self.assert_fetched(self.fetch())
        self.assertEqual(script.requests, [(None, None)])
        self.assertIn("100 %", done.stderr)
        self.assertIn("CC0", done.stderr)
        with safe_open(self.weights / f"{NAME}.safetensors", "pt") as file:
            metadata = file.metadata()
        self.assertEqual(metadata["source"], self.server.url("/w.pth"))
        self.assertEqual(metadata["source_sha256"], SHA256)
        self.assertEqual(metadata["license"], "CC0")
        self.assertIn('"order":"bgr"', metadata["preprocessing"])
        again = self.fetch()
        self.assertEqual((again.returncode, again.stdout),
                         (0, done.stdout), again.stderr)
        self.assertIn("here already", again.stderr)
        self.assertEqual(len(script.requests), 1)

    def test_every_kind_of_digest(self):
        self.server.serve("/w.pth", DATA)
        for digest in ({"sha256": SHA256},
                       {"md5": hashlib.md5(DATA).hexdigest()}):
            self.register(**digest)
            self.assert_fetched(self.fetch())
            (self.weights / f"{NAME}.safetensors").unlink()

    def test_the_backbones_name_means_imagenet(self):
        self.server.serve("/w.pth", DATA)
        self.register(sha256=SHA256, imagenet=True)
        done = self.fetch(name="efficientnet_lite0")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.files(), ["efficientnet_lite0.safetensors"])
        listed = subprocess.run([BESOM, "weights", "list", "-f", "csv"],
                                env=self.environment, capture_output=True,
                                text=True)
        self.assertIn(f"efficientnet_lite0,{NAME},yes,present", listed.stdout)
        path = subprocess.run([BESOM, "weights", "path", NAME],
                              env=self.environment, capture_output=True,
                              text=True)
        self.assertEqual(path.stdout, done.stdout)

    def test_redirections(self):
        self.server.serve("/w.pth", b"", {"location": "/one"})
        self.server.serve("/one", b"", {"location": self.server.url("/two")})
        self.server.serve("/two", DATA)
        self.assert_fetched(self.fetch())

    def test_cut_connections_go_on_where_they_were(self):
        script = self.server.serve("/w.pth", DATA, {"cut": HALF},
                                   {"cut": 100_000}, {})
        self.assert_fetched(self.fetch())
        first, second, third = script.requests
        self.assertEqual(first, (None, None))
        etag = '"%s"' % hashlib.md5(DATA).hexdigest()
        self.assertEqual(second, (f"bytes={HALF}-", etag))
        self.assertEqual(third, (f"bytes={HALF + 100_000}-", etag))

    def test_a_server_that_ignores_ranges_starts_again(self):
        self.server.serve("/w.pth", DATA, {"cut": HALF}, {"ranges": False})
        done = self.assert_fetched(self.fetch())
        self.assertIn("starts the file again", done.stderr)

    def test_another_version_is_not_mixed_in(self):
        other = bytes(len(DATA))
        self.server.serve("/w.pth", DATA, {"cut": HALF, "body": other}, {})
        self.assert_fetched(self.fetch())

    def test_a_server_that_sends_another_part(self):
        self.server.serve("/w.pth", DATA, {"cut": HALF}, {"first": 5}, {})
        done = self.assert_fetched(self.fetch())
        self.assertIn("another part", done.stderr)

    def test_a_file_without_length_or_version(self):
        self.server.serve("/w.pth", DATA, {"plain": True, "etag": ""})
        self.assert_fetched(self.fetch())

    def test_a_cut_that_looks_like_the_end(self):
        # No length: only the digest tells. The second try is from the start.
        self.server.serve("/w.pth", DATA, {"cut": HALF}, {"status": 404})
        self.assertEqual(self.fetch("--retries", "0").returncode, 3)
        self.server.serve("/w.pth", DATA,
                          {"plain": True, "cut": 1000, "ranges": False}, {})
        done = self.assert_fetched(self.fetch())
        self.assertIn("starting again", done.stderr)

    def test_a_slow_server_is_waited_for_and_a_dead_one_is_not(self):
        self.server.serve("/w.pth", DATA, {"drip": 0.005})
        self.assert_fetched(self.fetch())
        (self.weights / f"{NAME}.safetensors").unlink()
        never = threading.Event()
        self.addCleanup(never.set)
        script = self.server.serve("/w.pth", DATA, {"wait": never}, {})
        done = self.assert_fetched(self.fetch("--stall", "1"))
        self.assertIn("trying again", done.stderr)
        self.assertEqual(len(script.requests), 2)

    def test_busy_servers_are_asked_again(self):
        self.server.serve("/w.pth", DATA, {"status": 503}, {"status": 429}, {})
        done = self.assert_fetched(self.fetch())
        self.assertIn("answers 503", done.stderr)

    def test_on_a_terminal_one_line_is_written_over(self):
        self.server.serve("/w.pth", DATA)
        ours, theirs = pty.openpty()
        running = subprocess.Popen(self.command(), env=self.environment,
                                   stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        said = b""
        try:
            while piece := os.read(ours, 4096):
                said += piece
        except OSError:
            pass  # How a terminal ends.
        os.close(ours)
        self.assertEqual(running.wait(60), 0, said)
        self.assertRegex(said, rb"\rbesom: .* MiB, 100 %")

    # --- what is told ---

    def test_missing_files_and_refusals(self):
        for status in 404, 410, 403:
            script = self.server.serve("/w.pth", DATA, {"status": status})
            self.assert_failed(self.fetch(), 4, f"answers {status}",
                               self.server.url("/w.pth"), "weights import")
            self.assertEqual(len(script.requests), 1)

    def test_a_server_that_stays_busy(self):
        script = self.server.serve("/w.pth", DATA, {"status": 500})
        self.assert_failed(self.fetch("--retries", "3"), 4, "answers 500")
        self.assertEqual(len(script.requests), 4)

    def test_nobody_there(self):
        self.server.close()
        self.server = FlakyServer()  # Another port.
        done = self.fetch("--retries", "2")
        self.assert_failed(done, 4, "https_proxy")
        self.assertEqual(done.stderr.count("trying again"), 2)

    def test_other_bytes_are_never_kept(self):
        bad = bytearray(DATA)
        bad[HALF] ^= 1
        script = self.server.serve("/w.pth", bytes(bad))
        self.assert_failed(self.fetch(), 1, "not the published file",
                           f"sha256:{SHA256[:8]}...",
                           hashlib.sha256(bad).hexdigest())
        self.assertEqual(len(script.requests), 1)

    def test_a_file_of_the_right_digest_and_other_contents(self):
        self.server.serve("/w.pth", b"not weights")
        self.register(sha256=hashlib.sha256(b"not weights").hexdigest())
        self.assert_failed(self.fetch(), 2, "none of the formats",
                           left=self.PART)

    def test_lengths_that_lie(self):
        self.server.serve("/w.pth", DATA, {"say": len(DATA) + 10})
        self.assert_fetched(self.fetch())  # Asked again, it has no more.
        (self.weights / f"{NAME}.safetensors").unlink()
        self.server.serve("/w.pth", DATA, {"say": HALF})
        self.assert_failed(self.fetch("--retries", "1"), 1,
                           "not the published file")

    def test_a_file_without_end(self):
        self.register(sha256=SHA256, mebibytes=1.0)
        self.server.serve("/w.pth", DATA)
        self.assert_failed(self.fetch(), 1, "longer than")
        self.server.serve("/w.pth", DATA, {"plain": True})
        self.assert_failed(self.fetch(), 1, "longer than")

    def test_cut_too_often_goes_on_at_the_next_call(self):
        script = self.server.serve("/w.pth", DATA, {"cut": HALF}, {"cut": 0})
        self.assert_failed(self.fetch("--retries", "2"), 3,
                           "the same command goes on", left=self.PART)
        script.acts = [{}]
        self.assert_fetched(self.fetch())
        self.assertEqual(script.requests[-1][0], f"bytes={HALF}-")

    def test_a_full_disk(self):
        self.server.serve("/w.pth", DATA)

        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, HALF))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        self.assert_failed(self.fetch(preexec_fn=small_files), 1,
                           "cannot write", "disk space", left=self.PART)
        self.assert_fetched(self.fetch())
        (self.weights / f"{NAME}.safetensors").unlink()
        self.server.serve("/w.pth", DATA, {"say": 1 << 60})
        self.register(sha256=SHA256, mebibytes=float(1 << 41))
        self.assert_failed(self.fetch(), 1, "MB are needed")

    def test_redirections_without_end_or_to_files(self):
        self.server.serve("/w.pth", b"", {"location": "/w.pth"})
        self.assert_failed(self.fetch(), 4, "redirect")
        self.server.serve("/w.pth", b"", {"location": "file:///etc/hostname"})
        self.assert_failed(self.fetch(), 4)

    def test_names(self):
        self.assert_failed(self.fetch(name="vgg17"), 2, "vgg17", "weights list")
        self.assert_failed(self.fetch(name="../x"), 2)
        self.assert_failed(self.fetch(name="efficientnet_lite0"), 2,
                           "weights import")

    def test_weights_of_a_package_are_made_from_it(self):
        environment = {**self.environment, "BESOM_WEIGHTS_REGISTRY": ""}
        done = subprocess.run(
            self.command(name="efficientnet_lite0"), env=environment,
            capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.files(), ["efficientnet_lite0.safetensors"])

    # --- several calls, and their ends ---

    def test_two_calls_download_once(self):
        go_on = threading.Event()
        script = self.server.serve("/w.pth", DATA, {"wait": go_on})
        first = self.start()
        while not script.requests:
            time.sleep(0.01)
        second = self.start()
        told = second.stderr.readline()  # It says that it waits.
        self.assertIn("another besom", told)
        self.assertIn(f"pid {first.pid}", told)
        go_on.set()
        outputs = [first.communicate(timeout=60), second.communicate(timeout=60)]
        self.assertEqual([first.returncode, second.returncode], [0, 0], outputs)
        self.assertEqual(outputs[0][0], outputs[1][0])
        self.assertEqual(len(script.requests), 1)
        self.assertEqual(self.files(), [f"{NAME}.safetensors"])

    def stopped_midway(self, send):
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        script = self.server.serve("/w.pth", DATA, {"wait": go_on}, {})
        running = self.start()
        part = self.weights / f"{NAME}.part"
        while not (part.exists() and part.stat().st_size > 0):
            time.sleep(0.01)
        running.send_signal(send)
        output, errors = running.communicate(timeout=60)
        self.assertEqual(output, "")
        size = part.stat().st_size
        self.assert_fetched(self.fetch())
        self.assertEqual(script.requests[-1][0], f"bytes={size}-")
        return running.returncode, errors

    def test_ctrl_c_ends_with_3_and_the_next_call_goes_on(self):
        code, errors = self.stopped_midway(signal.SIGINT)
        self.assertEqual(code, 3, errors)
        self.assertIn("the same command goes on", errors)

    def test_kill_9_leaves_what_the_next_call_goes_on_from(self):
        code, _ = self.stopped_midway(signal.SIGKILL)
        self.assertEqual(code, -signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
