"""Whether bf16 features may stand in for fp32 ones: a head that was trained on
fp32 features meets both.

usage: bf16_acceptance.py FEATURE_ROWS CONVERT_WEIGHTS

Limits, on images that the head was not trained on: at least 99 % get the same
class, no probability differs by more than 0.02, the median by 0.002. The
images are chest X-rays from the folder $BESOM_SHARED (default: `shared` beside
the repository) where there is one, else drawn. Exits with 77 on a CPU without
bf16.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file, save_file

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
SHARED = pathlib.Path(os.environ.get("BESOM_SHARED",
                                     REPOSITORY.parent / "shared"))
SIZE = 224
UNAVAILABLE = 4  # The exit code of what this machine lacks.


def xrays():
    """Pixels and classes, or nothing."""
    folder = SHARED / "data/xray/chest_xray"
    files = sorted(folder.glob("*/*/*"))
    if not files:
        return None
    names = sorted({file.parent.name for file in files})
    pixels = [np.asarray(Image.open(file).convert("RGB").resize((SIZE, SIZE)))
              for file in files]
    return np.stack(pixels), [names.index(file.parent.name) for file in files]


def drawn(count=160):
    """Noisy waves: the class is whether they are wide or narrow."""
    draws = np.random.default_rng(0)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    pixels, classes = [], []
    for i in range(count):
        across, down = draws.uniform(8, 24, 2) * (1 + i % 2)
        wave = np.sin(across * rows + down * columns + draws.uniform(0, 6))
        image = wave + draws.normal(0, 1.5, (SIZE, SIZE))
        pixels.append(np.repeat(image[..., None], 3, 2) * 40 + 128)
        classes.append(i % 2)
    return np.clip(np.stack(pixels), 0, 255).astype(np.uint8), classes


def features(program, precision, backbone, weights, pixels, folder):
    source, target = folder / "in", folder / "out"
    save_file({"pixels": torch.from_numpy(pixels)}, source)
    done = subprocess.run([program, "openvino", precision, backbone, weights,
                           "full", "average", "2", source, target],
                          check=False)
    if done.returncode == UNAVAILABLE:
        sys.exit(77)
    done.check_returncode()
    return load_file(target)["rows"]


def train_head(rows, classes):
    """A head as sweeps train it: [64], dropout 0.5, five epochs."""
    head = torch.nn.Sequential(
        torch.nn.Linear(rows.shape[1], 64), torch.nn.ReLU(),
        torch.nn.Dropout(0.5), torch.nn.Linear(64, max(classes) + 1))
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
    labels = torch.tensor(classes)
    for _ in range(5):
        for batch in torch.randperm(len(rows)).split(8):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(
                head(rows[batch]), labels[batch]).backward()
            optimizer.step()
    return head.eval()


def check(program, backbone, weights, folder, pixels, classes):
    """Whether the limits hold."""
    full, half = (features(program, precision, backbone, weights, pixels,
                           folder) for precision in ("fp32", "bf16"))
    if torch.equal(full, half):
        print("FAIL", backbone, "bf16 gives the numbers of fp32")
        return False
    torch.manual_seed(0)
    head = train_head(full[::2], classes[::2])
    with torch.no_grad():
        p, q = (head(rows[1::2]).softmax(1) for rows in (full, half))
    same = (p.argmax(1) == q.argmax(1)).double().mean()
    right = (p.argmax(1) == torch.tensor(classes[1::2])).double().mean()
    difference = (p - q).abs()
    good = (same >= 0.99 and difference.max() <= 0.02
            and difference.median() <= 0.002)
    print("ok  " if good else "FAIL", backbone, f"{len(p)} images,",
          f"{right:.3f} right, {same:.3f} get the same class,",
          f"|dp| at most {difference.max():.4f}, median",
          f"{difference.median():.5f}")
    return good


def main(program, script):
    pixels, classes = xrays() or drawn()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lite0, vgg16 = folder / "lite0.safetensors", folder / "vgg16.safetensors"
        subprocess.run([sys.executable, script, lite0], check=True)
        keras = SHARED / "weights/vgg16_keras_notop.safetensors"
        if keras.exists():
            vgg16 = keras
        else:
            torch.manual_seed(0)
            save_file(torchvision.models.vgg16(weights=None).state_dict(),
                      vgg16)
        good = [check(program, backbone, weights, folder, pixels, classes)
                for backbone, weights in (("efficientnet_lite0", lite0),
                                          ("vgg16", vgg16))]
    if not all(good):
        sys.exit("bf16 is not within its limits")


if __name__ == "__main__":
    main(*sys.argv[1:])
