"""Holds the features of TorchScript files to PyTorch's own: scripted, traced
and frozen networks, maps and numbers; and what is refused.

usage: torch_script_parity.py FEATURE_ROWS

Limit in float32, per image: max |a - b| / max |b| < 1e-5.
"""

import pathlib
import subprocess
import sys
import tempfile
import zipfile

import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import nn

POOLINGS = {
    "average": lambda maps: maps.mean((2, 3)),
    "max": lambda maps: maps.amax((2, 3)),
    "average4": lambda maps: nn.functional.avg_pool2d(maps, 4).flatten(1),
    "flatten": lambda maps: maps.flatten(1),
}
SIDE = 40
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
failures = []


def check(what, good, detail=""):
    print("ok  " if good else "FAIL", what, detail, flush=True)
    if not good:
        failures.append(what)


class Base(nn.Module):
    """Says another thing in training, and of a batch with other images."""

    def __init__(self, pool: bool):
        super().__init__()
        self.conv = nn.Conv2d(3, 12, 5, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(12)
        self.drop = nn.Dropout(0.5)
        self.pool = pool

    def forward(self, images):
        maps = self.drop(torch.relu(self.norm(self.conv(images))))
        maps = maps - images.mean()
        if self.pool:
            return maps.mean((2, 3))
        return maps


class Pair(Base):
    def forward(self, images):
        return images, images


class Whole(Base):
    def forward(self, images):
        return (images * 100).int()


class Vector(Base):
    def forward(self, images):
        return images.mean((0, 2, 3))


class Drawing(Base):
    def forward(self, images):
        return images + torch.rand_like(images)


class Counting(Base):
    def __init__(self):
        super().__init__(False)
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, images):
        self.seen += 1
        return images + self.seen


class OneSize(Base):
    def forward(self, images):
        return images.view(1, 3, 33, 33)


class Program:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, file, tensors, pooling="average"):
        source = self.folder / "in"
        save_file({name: tensor.contiguous()
                   for name, tensor in tensors.items()}, source)
        return subprocess.run(
            [self.program, "libtorch", "torchscript", file, "full", pooling,
             "2", source, self.folder / "out"], text=True,
            stderr=subprocess.PIPE, check=False)

    def rows(self, *arguments):
        done = self.run(*arguments)
        if done.returncode != 0:
            sys.exit(done.stderr)
        return load_file(self.folder / "out")["rows"]


def channels_last(images):
    return {"input": images.permute(0, 2, 3, 1)}


def compare(what, ours, reference):
    if ours.shape != reference.shape:
        return check(what, False, f"{ours.shape} is not {reference.shape}")
    error = ((ours - reference).abs().amax(1)
             / reference.abs().amax(1)).max().item()
    check(what, error < 1e-5, f"error {error:.1e}")


def check_rows(program, file):
    images = torch.randn(5, 3, SIDE, SIDE)

    def alone(model, batch):
        return torch.cat([model(image[None]) for image in batch])

    model = Base(pool=False)
    model.norm.running_mean.normal_()
    resnet = nn.Sequential(*list(torchvision.models.resnet18().children())[:-2])
    resnet.eval()
    for what, network, saved in (
            ("scripted in training", model, torch.jit.script(model.train())),
            ("scripted", model, torch.jit.script(model.eval())),
            ("traced", resnet, torch.jit.trace(resnet, images[:1])),
            ("frozen", resnet, torch.jit.freeze(torch.jit.script(resnet)))):
        saved.save(str(file))
        maps = alone(network.eval(), images)
        for pooling, pool in POOLINGS.items():
            if pooling == "average4" and maps.shape[2] < 4:
                continue
            compare(f"{what}: {pooling}",
                    program.rows(file, channels_last(images), pooling),
                    pool(maps))
    rows = program.rows(file, channels_last(images))
    check("a row's bits depend on its image alone", torch.equal(
        program.rows(file, channels_last(images[[3, 1]])), rows[[3, 1]]))
    pixels = torch.randint(0, 256, (3, SIDE, SIDE, 3), dtype=torch.uint8)
    compare("from pixels", program.rows(file, {"pixels": pixels}), alone(
        resnet, (pixels.permute(0, 3, 1, 2) / 255 - MEAN) / DEVIATION
    ).mean((2, 3)))

    numbers = Base(pool=True).eval()
    torch.jit.script(numbers).save(str(file))
    for pooling in "average", "max", "flatten":
        compare(f"numbers: {pooling}",
                program.rows(file, channels_last(images), pooling),
                alone(numbers, images))
    done = program.run(file, channels_last(images), "average4")
    check("numbers have no windows", done.returncode == 2, done.stderr)


def check_refused(program, file, what, *words):
    done = program.run(file, channels_last(torch.randn(1, 3, SIDE, SIDE)))
    check(f"refused: {what}", done.returncode == 2
          and all(word in done.stderr for word in (file.name, *words)),
          done.stderr.strip())


def check_refusals(program, file):
    for network, words in ((Pair(False), ("gives a Tuple",)),
                           (Whole(False), ("no floating point",)),
                           (Vector(False), ("gives (3) for one image",)),
                           (Drawing(False), ("it draws",)),
                           (Counting(), ("remembers what it saw",)),
                           (OneSize(False), ("33", "ingest.image_size"))):
        torch.jit.script(network).save(str(file))
        check_refused(program, file, type(network).__name__, *words)
    torch.jit.script(Base(False)).save(str(file))
    whole = file.read_bytes()
    no_archive = "no whole archive of TorchScript"
    for size in 0, 3, 100, len(whole) // 2, len(whole) - 1:
        file.write_bytes(whole[:size])
        check_refused(program, file, f"{size} bytes of it", no_archive)
    torch.save(Base(False).state_dict(), file)
    check_refused(program, file, "weights alone", no_archive)
    # A program that is none.
    torch.jit.script(Base(False)).save(str(file))
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, b"def (" if name.endswith(".py") else data)
    check_refused(program, file, "a damaged program", "does not load it")


def main(program):
    torch.manual_seed(0)
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        check_rows(Program(program, folder), folder / "base.pt")
        check_refusals(Program(program, folder), folder / "base.pt")
    if failures:
        sys.exit(f"{len(failures)} checks failed")


if __name__ == "__main__":
    main(*sys.argv[1:])
