"""Imports weights of every format with the real program.

usage: formats_test.py BESOM

Good files come out with the numbers that torchvision, timm and numpy say they
hold. Damaged, prepared and misfitting ones are refused with exit code 2, a
word that names the trouble, nothing run, and nothing left behind.
"""

import io
import os
import pathlib
import pickle
import random
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

import h5py
import numpy as np
import onnx
import timm
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file, save_file

BESOM = sys.argv.pop(1)
REPOSITORY = pathlib.Path(__file__).resolve().parents[4]
SHARED = pathlib.Path(os.environ.get("BESOM_SHARED",
                                     REPOSITORY.parent / "shared"))
KERAS_VGG16 = SHARED / "weights/vgg16_keras_notop.safetensors"
VGG16_CONVOLUTIONS = [2, 2, 3, 3, 3]


def lite0():
    torch.manual_seed(1)
    return timm.create_model("tf_efficientnet_lite0").state_dict()


def vgg16_base():
    """Keras's weights where they are at hand, else random ones."""
    if KERAS_VGG16.exists():
        return load_file(KERAS_VGG16)
    torch.manual_seed(2)
    return torchvision.models.vgg16().features.state_dict(prefix="features.")


def keras_layers():
    """Yields (Keras's layer, torchvision's) of VGG16's base."""
    index = 0
    for block, count in enumerate(VGG16_CONVOLUTIONS, start=1):
        for conv in range(1, count + 1):
            yield f"block{block}_conv{conv}", f"features.{index}"
            index += 2
        index += 1


def keras_arrays(state):
    """{(layer, part): array} with Keras's axes: rows, columns, in, out."""
    arrays = {}
    for layer, name in keras_layers():
        arrays[layer, "kernel"] = state[name + ".weight"].permute(
            2, 3, 1, 0).contiguous().numpy()
        arrays[layer, "bias"] = state[name + ".bias"].numpy()
    return arrays


class Evil:
    """Unpickled by Python's own unpickler it makes a file."""

    def __init__(self, sign):
        self.sign = sign

    def __reduce__(self):
        return os.system, (f"touch {self.sign}",)


class ImportTest(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = pathlib.Path(self._folder.name)
        self.weights = self.folder / "weights"
        self.weights.mkdir()
        self.sign = self.folder / "was_run"

    def run_import(self, file, *options):
        return subprocess.run(
            [BESOM, "weights", "import", str(file), *options],
            env={**os.environ, "BESOM_WEIGHTS": str(self.weights)},
            capture_output=True, text=True, timeout=120)

    def assert_taken(self, file, wanted, *options):
        done = self.run_import(file, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        path = done.stdout.strip()
        ours = load_file(path)
        self.assertEqual(ours.keys(), wanted.keys())
        for name, tensor in wanted.items():
            self.assertTrue(torch.equal(ours[name], tensor), name)
        self.assertEqual([entry.name for entry in self.weights.iterdir()],
                         [pathlib.Path(path).name])
        with safe_open(path, "pt") as opened:
            return done, opened.metadata()

    def assert_refused(self, file, *words, options=()):
        done = self.run_import(file, *options)
        self.assertEqual(done.returncode, 2, done.stderr + done.stdout)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(list(self.weights.iterdir()), [])
        self.assertFalse(self.sign.exists(), "code of the file was run")
        return done


class GoodFilesTest(ImportTest):
    def test_torch_zip_and_older_of_a_whole_model(self):
        state = lite0()
        base = {name: tensor for name, tensor in state.items()
                if not name.startswith("classifier")
                and not name.endswith("num_batches_tracked")}
        for zipped in True, False:
            file = self.folder / "whole.pth"
            torch.save(state, file, _use_new_zipfile_serialization=zipped)
            done, metadata = self.assert_taken(file, base, "--replace")
            self.assertIn("efficientnet_lite0", done.stderr)
            self.assertIn("classifier", done.stderr)
            self.assertEqual(metadata["architecture"], "efficientnet_lite0")
            self.assertEqual(metadata["source"], "whole.pth")

    def test_checkpoint_of_data_parallel_training(self):
        state = {f"module.{name}": torch.nn.Parameter(tensor)
                 for name, tensor in vgg16_base().items()}
        file = self.folder / "epoch3.pth"
        torch.save({"epoch": 3, "state_dict": state}, file)
        self.assert_taken(file, vgg16_base())

    def test_views_half_precision_and_other_orders_of_axes(self):
        state = vgg16_base()
        stored = dict(state)
        kernel = state["features.2.weight"]
        stored["features.2.weight"] = kernel.contiguous(
            memory_format=torch.channels_last)
        both = torch.cat([state["features.0.bias"], state["features.2.bias"]])
        stored["features.0.bias"] = both[:64]
        stored["features.2.bias"] = both[64:]
        stored["features.5.bias"] = state["features.5.bias"].half()
        file = self.folder / "views.pth"
        torch.save(stored, file)
        wanted = {**state,
                  "features.5.bias": stored["features.5.bias"].float()}
        self.assert_taken(file, wanted)

    def test_keras_h5_in_its_spellings(self):
        state = vgg16_base()
        old = {"kernel": "{0}_W_1:0", "bias": "{0}_b_1:0"}
        new = {"kernel": "{0}/kernel:0", "bias": "{0}/bias:0"}
        for spelling, root in ((old, ""), (new, ""), (new, "model_weights/")):
            file = self.folder / "vgg16.h5"
            with h5py.File(file, "w") as out:
                for (layer, part), array in keras_arrays(state).items():
                    name = spelling[part].format(layer)
                    out[f"{root}{layer}/{name}"] = array
                out.create_group(f"{root}block1_pool")
            _, metadata = self.assert_taken(file, state, "--replace")
            self.assertEqual(
                metadata["preprocessing"],
                '{"mean":[103.939,116.779,123.68],"order":"bgr",'
                '"range":255.0,"std":[1.0,1.0,1.0]}')
        torchvision.models.vgg16().features.load_state_dict(
            {name.removeprefix("features."): tensor
             for name, tensor in
             load_file(self.weights / "vgg16.safetensors").items()})

    def test_npz_with_names_of_torchvision_and_of_keras(self):
        state = vgg16_base()
        file = self.folder / "vgg.npz"
        np.savez_compressed(file, **{n: t.numpy() for n, t in state.items()})
        self.assert_taken(file, state)
        np.savez(file, **{f"{layer}/{part}": array for (layer, part), array
                          in keras_arrays(state).items()})
        done = self.run_import(file)
        self.assertEqual(done.returncode, 2, done.stderr)  # Other pixels.
        self.assertIn("--replace", done.stderr)
        self.assert_taken(file, state, "--replace")

    def test_onnx_initialisers(self):
        state = vgg16_base()
        file = self.folder / "vgg.onnx"
        onnx.save(model_of([onnx.numpy_helper.from_array(t.numpy(), n)
                            for n, t in state.items()]), file)
        self.assert_taken(file, state, "--architecture", "vgg16")

    def test_a_network_for_grey_pictures_sees_the_same(self):
        state = vgg16_base()
        grey = state["features.0.weight"].sum(1, keepdim=True)
        file = self.folder / "grey.pth"
        torch.save({**state, "features.0.weight": grey}, file)
        done = self.run_import(file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("three channels", done.stderr)
        ours = load_file(done.stdout.strip())["features.0.weight"]
        picture = torch.rand(1, 1, 32, 32)
        torch.testing.assert_close(
            torch.nn.functional.conv2d(picture.expand(1, 3, 32, 32), ours),
            torch.nn.functional.conv2d(picture, grey))

    def test_what_a_broken_off_import_left_is_removed(self):
        child = subprocess.Popen(["true"])
        child.wait()
        left = self.weights / f".raw.{socket.gethostname()}.{child.pid}.0.tmp"
        left.write_text("half a file")
        file = self.folder / "whole.pth"
        torch.save(vgg16_base(), file)
        self.assert_taken(file, vgg16_base())


def model_of(initialisers):
    graph = onnx.helper.make_graph([], "g", [], [], initialisers)
    return onnx.helper.make_model(graph)


def zip_of(file, members):
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


class BadPicklesTest(ImportTest):
    def older(self, *parts):
        """A file of torch's older format, each part pickled by itself."""
        out = io.BytesIO()
        for part in parts:
            pickle.dump(part, out, protocol=2)
        file = self.folder / "older.pth"
        file.write_bytes(out.getvalue())
        return file

    HEAD = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})

    def test_code_is_never_run(self):
        evil = Evil(self.sign)
        for parts in ((evil,), (self.HEAD[0], evil), (*self.HEAD[:2], evil),
                      (*self.HEAD, {"features.0.weight": evil}),
                      (*self.HEAD, {}, evil)):
            self.assert_refused(self.older(*parts), "posix.system",
                                "nothing of it was run")
        file = self.folder / "zip.pth"
        zip_of(file, {"a/data.pkl": pickle.dumps({"x": evil})})
        self.assert_refused(file, "posix.system")
        # Python's own unpickler does run it.
        pickle.loads(pickle.dumps(evil))
        self.assertTrue(self.sign.exists())

    def test_names_are_compared_whole(self):
        for module, name in (("collections", "OrderedDict.fromkeys"),
                             ("torch._utils", "_rebuild_tensor_v2.__globals__"),
                             ("builtins", "eval"), ("torch", "load")):
            code = b"\x80\x04" + b"".join(
                b"\x8c" + bytes([len(text)]) + text.encode()
                for text in (module, name)) + b"\x93."
            zip_of(self.folder / "named.pth", {"a/data.pkl": code})
            self.assert_refused(self.folder / "named.pth", f"{module}.{name}")

    def test_a_whole_model_says_what_to_save(self):
        file = self.folder / "model.pt"
        torch.save(torch.nn.Linear(2, 2), file)
        self.assert_refused(file, "torch.nn.modules.linear.Linear")
        torch.save([1, 2], file)
        self.assert_refused(file, "torch.save(model.state_dict(), FILE)")

    def test_sizes_that_are_not_there(self):
        state = {"features.0.bias": torch.zeros(64)}
        file = self.folder / "older.pth"
        torch.save(state, file, _use_new_zipfile_serialization=False)
        data = file.read_bytes()
        at = data.rindex(struct.pack("<q", 64))
        for count in (1 << 62, -1, 65):
            file.write_bytes(data[:at] + struct.pack("<q", count)
                             + data[at + 8:])
            self.assert_refused(file)
        for cut in range(0, len(data), 97):
            file.write_bytes(data[:cut])
            self.assert_refused(file)

    def test_windows_outside_of_their_storage(self):
        for offset, shape, strides, words in (
                (1, (64,), (1,), "outside"), (0, (65,), (1,), "outside"),
                (0, (2, 64), (64, 1), "outside"), (-1, (1,), (1,), "unknown"),
                (0, (1 << 20,), (0,), "repeats"), (0, (64,), (-1,), "unknown"),
                (0, (1 << 40,), (1,), "unknown"), (0, (64,), (), "unknown")):
            file = self.folder / "window.pth"
            tensor = torch.zeros(64)
            torch.save({"features.0.bias": tensor}, file)
            with zipfile.ZipFile(file) as archive:
                members = {name: archive.read(name)
                           for name in archive.namelist()}
            pickled = next(name for name in members
                           if name.endswith("data.pkl"))
            members[pickled] = window(offset, shape, strides)
            zip_of(file, members)
            self.assert_refused(file, "features.0.bias", words)

    def test_keys_are_no_paths(self):
        file = self.folder / "keys.pth"
        outside = self.folder / "outside"
        outside.write_bytes(bytes(256))
        zip_of(file, {"a/data.pkl": window(0, (64,), (1,), "../../outside"),
                      "a/data/0": bytes(256)})
        self.assert_refused(file, "../../outside is missing")

    def test_compressed_and_damaged_members(self):
        file = self.folder / "zip.pth"
        torch.save(vgg16_base(), file)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        self.assert_refused(file, "damaged")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/data.pkl", window(0, (64,), (1,)))
            archive.writestr("a/data/0", bytes(1 << 26))
        self.assert_refused(file, "compressed")


def window(offset, shape, strides, key="0"):
    """The pickle of a state dict with one window on a storage of 64."""
    class Storage:
        pass

    storage = Storage()

    class Pickler(pickle._Pickler):
        def persistent_id(self, item):
            if item is storage:
                return ("storage", torch.FloatStorage, key, "cpu", 64)
            return None

        def save(self, item, save_persistent_id=True):
            super().save(item, save_persistent_id)

    class Rebuilt:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (
                storage, offset, shape, strides, False, {})

    out = io.BytesIO()
    Pickler(out, 2).dump({"features.0.bias": Rebuilt()})
    return out.getvalue()


class BadArraysTest(ImportTest):
    def npy(self, header, data=b""):
        text = header.ljust(117).encode() + b"\n"
        return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
                + data)

    def test_npz(self):
        file = self.folder / "bad.npz"
        np.savez(file, a=np.array([Evil(self.sign)], dtype=object))
        self.assert_refused(file, "object")
        for shape in ("(1099511627776,)", "(65,)", "(-64,)", "(64, 'a')"):
            zip_of(file, {"features.0.bias.npy": self.npy(
                f"{{'descr': '<f4', 'fortran_order': False, "
                f"'shape': {shape}}}", bytes(256))})
            self.assert_refused(file)
        zip_of(file, {"../../out.npy": self.npy(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (64,)}",
            bytes(256))})
        self.assert_refused(file, "left over", "../../out",
                            options=("--architecture", "vgg16"))
        zip_of(file, {"notes.txt": "x"})
        self.assert_refused(file, "no .npy array")

    def test_h5_opens_nothing_else(self):
        secret = self.folder / "secret.h5"
        with h5py.File(secret, "w") as out:
            out["kernel"] = np.zeros(4, np.float32)
        file = self.folder / "bad.h5"
        for name, make in {
            "external link": lambda out: out.__setitem__(
                "kernel", h5py.ExternalLink(str(secret), "/kernel")),
            "soft link": lambda out: out.__setitem__(
                "kernel", h5py.SoftLink("/other")),
            "external data": lambda out: out.create_dataset(
                "kernel", (4,), "f4", external=[(str(secret), 0, 16)]),
            "virtual": lambda out: out.create_virtual_dataset(
                "kernel", virtual(secret)),
        }.items():
            with self.subTest(name), h5py.File(file, "w") as out:
                make(out)
            self.assert_refused(file, "kernel")

    def test_h5_that_claims_or_nests_too_much(self):
        file = self.folder / "bad.h5"
        with h5py.File(file, "w") as out:
            out.create_dataset("kernel", (1 << 40,), "f4", chunks=(1024,))
        self.assert_refused(file, "claims")
        with h5py.File(file, "w") as out:
            out.create_group("a")
            out["a/a"] = out["a"]  # A ring.
        self.assert_refused(file, "nested")
        with h5py.File(file, "w") as out:
            out["layers/conv2d/vars/0"] = np.zeros(4, np.float32)
        self.assert_refused(file, "Keras 3")
        file.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
        self.assert_refused(file)

    def test_onnx(self):
        file = self.folder / "bad.onnx"
        proto = onnx.numpy_helper.from_array(np.zeros(64, np.float32), "kernel")
        for sides in ([1 << 40], [65], [-1]):
            del proto.dims[:]
            proto.dims.extend(sides)
            file.write_bytes(model_of([proto]).SerializeToString())
            self.assert_refused(file, "kernel")
        outside = onnx.TensorProto(name="kernel", dims=[64], data_type=1,
                                   data_location=onnx.TensorProto.EXTERNAL)
        outside.external_data.add(key="location", value="../../secret")
        file.write_bytes(model_of([outside]).SerializeToString())
        self.assert_refused(file, "lies in another file")
        file.write_bytes(b"\xff" * 100)
        self.assert_refused(file)

    def test_shapes_that_do_not_fit_are_named(self):
        state = vgg16_base()
        state["features.0.bias"] = torch.zeros(63)
        del state["features.28.bias"]
        state["extra.weight"] = torch.zeros(1)
        file = self.folder / "vgg.safetensors"
        save_file(state, file)
        self.assert_refused(
            file, "features.0.bias is [63] instead of [64]",
            "1 missing (features.28.bias)", "1 left over (extra.weight)",
            options=("--architecture", "vgg16"))
        self.assert_refused(file, "--architecture")
        self.assert_refused(self.folder / "nowhere.pth", "nowhere.pth")
        self.assert_refused("/dev/zero", "not a regular file")


def virtual(source):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(str(source), "kernel", (4,))
    return layout


class DamagedBytesTest(ImportTest):
    """Small files of each format, cut and with flipped bytes."""

    def damage(self, file, seed):
        data = file.read_bytes()
        draw = random.Random(seed)
        for _ in range(6):
            file.write_bytes(data[:draw.randrange(len(data))])
            self.assert_refused(file)
        for _ in range(12):
            bad = bytearray(data)
            for _ in range(draw.choice([1, 4, 64])):
                bad[draw.randrange(len(bad))] = draw.randrange(256)
            file.write_bytes(bad)
            self.assert_refused(file)  # It never has all of a backbone.

    def test_torch(self):
        state = {"features.0.bias": torch.ones(64), "b": torch.ones(3, 3)}
        for zipped in True, False:
            file = self.folder / "a.pth"
            torch.save(state, file, _use_new_zipfile_serialization=zipped)
            self.damage(file, seed=1 + zipped)

    def test_npz(self):
        file = self.folder / "a.npz"
        np.savez_compressed(file, a=np.ones((3, 3)), b=np.ones(7, np.int32))
        self.damage(file, seed=3)

    def test_h5(self):
        file = self.folder / "a.h5"
        with h5py.File(file, "w") as out:
            out["x/x/kernel:0"] = np.ones((3, 3), np.float32)
            out.attrs["layer_names"] = ["x"]
        self.damage(file, seed=4)

    def test_onnx(self):
        file = self.folder / "a.onnx"
        file.write_bytes(model_of([onnx.numpy_helper.from_array(
            np.ones((3, 3), np.float32), "a")]).SerializeToString())
        self.damage(file, seed=5)


if __name__ == "__main__":
    unittest.main()
