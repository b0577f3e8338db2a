"""Holds the registry of pretrained weights to what their publishers say.

usage: registry_parity.py REGISTRY.json

torchvision and timm are asked as installed. Keras's files and their MD5 stand
here as keras-applications publishes them (vgg16.py, vgg19.py, densenet.py).
"""

import json
import re
import sys

from timm.models._registry import _model_pretrained_cfgs as timm_configs
from torchvision.models import get_model_weights

OLDER = "fchollet/deep-learning-models/releases/download/v0.1/"
LATER = "keras-team/keras-applications/releases/download/densenet/"
KERAS = {
    "vgg16.keras": (OLDER + "vgg16", "6d6bbae143d832006294945121d1f1fc",
                    "caffe"),
    "vgg19.keras": (OLDER + "vgg19", "253f8cb515780f3b799900260a226db6",
                    "caffe"),
    "densenet121.keras": (LATER + "densenet121",
                          "30ee3e1110167f948a6b9946edeeb738", "torch"),
}
# The names of the preprocessings, by the mean and deviation they stand for.
NAMED = {"torch": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
         "tf": ([0.5] * 3, [0.5] * 3)}
failures = []


def check(what, ours, theirs):
    if ours != theirs:
        print("FAIL", what, ours, "is not", theirs)
        failures.append(what)


def numbers(preprocessing):
    if isinstance(preprocessing, str):
        return NAMED[preprocessing]
    assert preprocessing["order"] == "rgb" and preprocessing["range"] == 1
    return preprocessing["mean"], preprocessing["std"]


def hash_in(url):
    """The digits that PyTorch's hub compares with a download's SHA-256."""
    return re.search(r"-([a-f0-9]*)\.", url).group(1)


def check_torchvision(entry):
    label = entry["name"].split(".")[1].upper()
    theirs = get_model_weights(entry["backbone"])[label]
    transforms = theirs.transforms()
    name = entry["name"]
    check(f"{name}: url", entry["url"], theirs.url)
    check(f"{name}: hash", entry["sha256_prefix"], hash_in(theirs.url))
    check(f"{name}: size", entry["mebibytes"], theirs.meta["_file_size"])
    check(f"{name}: input", [entry["input_size"]], transforms.crop_size)
    check(f"{name}: pixels", numbers(entry["preprocessing"]),
          (list(transforms.mean), list(transforms.std)))
    swag = "license" in theirs.meta
    check(f"{name}: licence", swag, entry["license"].startswith("CC-BY-NC"))
    check(f"{name}: imagenet", entry.get("imagenet", False),
          label == "IMAGENET1K_V1")


def check_timm(entry):
    theirs = timm_configs[f"tf_{entry['backbone']}.in1k"]
    name = entry["name"]
    check(f"{name}: url", entry["url"], theirs.url)
    check(f"{name}: hash", entry["sha256_prefix"], hash_in(theirs.url))
    check(f"{name}: input", (3, entry["input_size"], entry["input_size"]),
          theirs.input_size)
    check(f"{name}: pixels", numbers(entry["preprocessing"]),
          (list(theirs.mean), list(theirs.std)))


def check_keras(entry):
    file, digest, pixels = KERAS[entry["name"]]
    check(f"{entry['name']}: url", entry["url"],
          f"https://github.com/{file}"
          "_weights_tf_dim_ordering_tf_kernels_notop.h5")
    check(f"{entry['name']}: hash", entry["md5"], digest)
    check(f"{entry['name']}: pixels", entry["preprocessing"], pixels)


CHECKS = {"torchvision": check_torchvision, "timm": check_timm,
          "Keras": check_keras}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        entries = json.load(file)
    count = 0
    for entry in entries:
        if "url" in entry:
            CHECKS[entry["publisher"]](entry)
            count += 1
    print(f"{count} entries compared, {len(failures)} differences")
    sys.exit(bool(failures) or count < 25)


if __name__ == "__main__":
    main()
