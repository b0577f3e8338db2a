"""Compares besom's decoding and resizing with Pillow's, pixel by pixel.

Usage: parity_test.py DECODE_TOOL SHARED_FOLDER (BESOM_SHARED goes first)
On real X-rays and on generated odd images; every resize, interpolation, up
and down. At most 0.1 % of an image's samples may differ by more than 2 levels.
"""

import json
import math
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy as np
from PIL import Image, ImageOps

FILTERS = {"bilinear": Image.Resampling.BILINEAR,
           "bicubic": Image.Resampling.BICUBIC}
failures = []
checked = 0
exact = 0
shrunk = 0


class Tool:
    def __init__(self, program, folder):
        self.folder = pathlib.Path(folder)
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def run(self, path, size=0, resize="stretch", interpolation="bilinear",
            bit_depth_range="full"):
        out = self.folder / "pixels.bin"
        job = {"path": str(path), "out": str(out), "size": size,
               "resize": resize, "interpolation": interpolation,
               "bit_depth_range": bit_depth_range}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            return answer, None
        pixels = np.fromfile(out, np.uint8)
        shape = ((size, size) if size else
                 (answer["height"], answer["width"]))
        pixels = pixels.reshape(*shape, answer["channels"])
        return answer, np.broadcast_to(pixels, (*shape, 3))


def shrunk_by(image, size, resize):
    """How many times a JPEG's sides may be shorter when it is decoded."""
    if image.format != "JPEG" or size == 0:
        return 1
    side = max(image.size) if resize == "pad" else min(image.size)
    return next(by for by in (8, 4, 2, 1) if by == 1 or
                (side >= by * 2 * size and min(image.size) >= by * 128))


def reference(path, by=1):
    """What Pillow makes of the file, and its mode."""
    with Image.open(path) as image:
        mode = image.mode
        if by > 1:
            image.draft(None, (image.width // by, image.height // by))
        image = ImageOps.exif_transpose(image)
        if mode == "I;16":
            # Pillow's own way from 16 bits to 8 has changed between versions.
            values = np.asarray(image).astype(np.uint32)
            image = Image.fromarray(((values * 255 + 32767) // 65535)
                                    .astype(np.uint8))
        return image.convert("RGB"), mode


def crop(image, size, interpolation):
    width, height = image.size
    short, long = min(width, height), max(width, height)
    other = int(size * long / short)
    width, height = (size, other) if width <= height else (other, size)
    image = image.resize((width, height), interpolation)
    left = int(round((width - size) / 2.0))
    top = int(round((height - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


def resized(image, size, resize, interpolation):
    if size == 0:
        return image
    method = FILTERS[interpolation]
    if resize == "stretch":
        return image.resize((size, size), method)
    if resize == "crop":
        return crop(image, size, method)
    ratio = size / max(image.size)
    if round(min(image.size) * ratio) == 0:
        return thin(image, size, method)
    return ImageOps.pad(image, (size, size), method, color=(0, 0, 0))


def thin(image, size, method):
    """Where Pillow's pad would leave nothing of a thread, besom keeps one
    row or column of it."""
    width, height = ((size, 1) if image.width > image.height else (1, size))
    out = Image.new("RGB", (size, size))
    out.paste(image.resize((width, height), method),
              (round((size - width) / 2), round((size - height) / 2)))
    return out


def compare(tool, path, what, real=False, **settings):
    global checked, exact, shrunk
    with Image.open(path) as image:
        by = shrunk_by(image, settings.get("size", 0),
                       settings.get("resize", "stretch"))
    image, mode = reference(path, by)
    wanted = np.asarray(resized(image, settings.get("size", 0),
                                settings.get("resize", "stretch"),
                                settings.get("interpolation", "bilinear")))
    answer, pixels = tool.run(path, **settings)
    checked += 1
    name = f"{what} {settings}"
    if pixels is None:
        failures.append(f"{name}: {answer['error']}")
        return
    if answer["mode"] != mode:
        failures.append(f"{name}: mode {answer['mode']}, Pillow {mode}")
    if pixels.shape != wanted.shape:
        failures.append(f"{name}: {pixels.shape}, Pillow {wanted.shape}")
        return
    grey = bool((np.asarray(image) == np.asarray(image)[..., :1]).all())
    if (answer["channels"] == 1) != grey and mode not in ("I;16",):
        failures.append(f"{name}: {answer['channels']} channels, grey {grey}")
    off = np.abs(pixels.astype(int) - wanted.astype(int))
    exact += not off.any()
    shrunk += by > 1
    if by > 1 and real:
        whole = np.asarray(resized(reference(path)[0], settings["size"],
                                   settings.get("resize", "stretch"),
                                   settings.get("interpolation", "bilinear")))
        apart = np.abs(pixels.astype(int) - whole.astype(int)).mean()
        if apart > 3:
            failures.append(f"{name}: {apart:.2f} levels from the whole image")
    far = off > 2
    if far.mean() > 0.001:
        failures.append(f"{name}: {far.mean():.2%} of samples are off by > 2")


def compare_all_ways(tool, path, what, sizes):
    compare(tool, path, what)
    for size in sizes:
        for resize in ("stretch", "crop", "pad"):
            for interpolation in FILTERS:
                compare(tool, path, what, size=size, resize=resize,
                        interpolation=interpolation)


def real_files(shared):
    """All files of rare kinds, every tenth of the common one."""
    root = shared / "data" / "xray"
    covid = sorted((root / "covid-chestxray-dataset" / "images").iterdir())
    nih = sorted((root / "chest_xray").rglob("*.jpeg"))
    assert len(covid) > 50 and len(nih) > 400, "the X-rays are missing"
    colour = [p for p in nih if Image.open(p).mode != "L"]
    return covid + nih[::20] + colour


def png_bytes(width, height, bits, color, rows, chunks=b""):
    def chunk(name, data):
        return (struct.pack(">I", len(data)) + name + data +
                struct.pack(">I", zlib.crc32(name + data)))
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunks +
            chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r for r in rows))) +
            chunk(b"IEND", b""))


def picture(width, height, mode):
    """Smooth with some texture, different in each band."""
    rng = np.random.default_rng(width * 1000 + height)
    bands = len(Image.new(mode, (1, 1)).getbands())
    y, x = np.mgrid[0:height, 0:width]
    layers = [127 + 100 * np.sin(x / (7.0 + k) + k) * np.cos(y / (9.0 + k)) +
              rng.normal(0, 8, (height, width)) for k in range(bands)]
    values = np.clip(np.stack(layers, -1), 0, 255).astype(np.uint8)
    return Image.fromarray(values[..., 0] if bands == 1 else values, mode=None
                           if mode in ("L", "RGB", "RGBA", "LA") else mode)


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def wide_samples(height, width, channels):
    rng = np.random.default_rng(5)
    ramp = np.linspace(0, 65535, width)[None, :, None]
    noise = rng.normal(0, 300, (height, width, channels))
    return np.clip(ramp + noise, 0, 65535).astype(">u2")


def odd_files(folder):
    """Yields (path, what, sizes) of generated images of every kind."""
    def save(image, name, **options):
        path = folder / name
        image.save(path, **options)
        return path

    for mode in ("L", "LA", "RGB", "RGBA"):
        yield save(picture(61, 43, mode), f"{mode}.png"), f"{mode} png", (24, 80)
    for name, options in {"L": {}, "RGB": {}}.items():
        for sampling in ("4:4:4", "4:2:2", "4:2:0"):
            for progressive in (False, True):
                file = f"{name}{sampling.replace(':', '')}{progressive}.jpg"
                yield (save(picture(75, 53, name), file, quality=90,
                            subsampling=sampling, progressive=progressive,
                            **options), f"{name} {sampling} jpeg", (33,))
    yield (save(picture(64, 48, "RGB").convert("CMYK"), "cmyk.jpg"),
           "CMYK jpeg", (32,))
    for name, options in (("L", {}), ("RGB", {}), ("RGB", {"progressive": True}),
                          ("RGB", {"exif": exif_of(6)}), ("CMYK", {})):
        large = picture(611, 407, "RGB").convert(name)
        yield (save(large, f"large{name}{'-'.join(options)}.jpg", quality=92,
                    **options), f"large {name} jpeg {options}",
               (20, 45, 90, 102))
    grey = picture(50, 50, "L").convert("RGB")
    yield save(grey, "grey-rgb.png"), "RGB that is grey", (24,)
    palette = picture(64, 64, "RGB").quantize(200)
    yield save(palette, "p.png"), "palette", (24, 100)
    yield (save(palette, "p-alpha.png", transparency=bytes(range(200))),
           "palette with transparency", (24,))
    for bits in (1, 2, 4):
        few = picture(37, 29, "RGB").quantize(2 ** bits)
        yield save(few, f"p{bits}.png", bits=bits), f"palette {bits} bit", (16,)
    for width, height in ((1, 1), (1, 200), (200, 1), (2, 3), (3, 301)):
        for mode in ("L", "RGB"):
            name = f"{mode}{width}x{height}.png"
            yield save(picture(width, height, mode), name), name, (1, 7, 32)
    for orientation in range(1, 9):
        for kind in ("jpg", "png"):
            name = f"turn{orientation}.{kind}"
            yield (save(picture(48, 30, "RGB"), name,
                        exif=exif_of(orientation)), name, (20,))
    yield from raw_pngs(folder)


def raw_pngs(folder):
    """Depths that Pillow does not write."""
    def save(name, data):
        path = folder / name
        path.write_bytes(data)
        return path

    rng = random.Random(3)
    for bits in (1, 2, 4):
        width, height = 45, 31
        length = math.ceil(width * bits / 8)
        rows = [rng.randbytes(length) for _ in range(height)]
        path = save(f"grey{bits}.png",
                    png_bytes(width, height, bits, 0, rows))
        yield path, f"grey {bits} bit", (16, 64)
    for color, channels in ((0, 1), (2, 3), (4, 2), (6, 4)):
        samples = wide_samples(40, 64, channels)
        path = save(f"deep{color}.png", png_bytes(
            64, 40, 16, color, [row.tobytes() for row in samples]))
        yield path, f"16 bit, colour type {color}", (24, 80)
    rows = [bytes(rng.randrange(256) for _ in range(3 * 20)) for _ in range(20)]
    trns = struct.pack(">I", 6) + b"tRNS" + b"\0\1\0\2\0\3"
    trns += struct.pack(">I", zlib.crc32(trns[4:]))
    yield (save("trns.png", png_bytes(20, 20, 8, 2, rows, trns)),
           "RGB with a transparent colour", (16,))


def check_percentile(tool, folder):
    """The stretch of 16-bit values, against NumPy."""
    samples = wide_samples(50, 80, 1)
    samples[:10] = samples[:10] // 4 + 9000
    path = folder / "stretch.png"
    path.write_bytes(png_bytes(80, 50, 16, 0,
                               [row.tobytes() for row in samples]))
    values = samples[..., 0].astype(float)
    low, high = np.percentile(values, [0.5, 99.5], method="nearest")
    wanted = np.clip(np.round((values - low) * 255 / (high - low)), 0, 255)
    _, pixels = tool.run(path, bit_depth_range="percentile")
    worst = np.abs(pixels[..., 0] - wanted).max()
    if worst > 1:
        failures.append(f"percentile stretch is off by {worst}")


def main():
    program = sys.argv[1]
    shared = pathlib.Path(os.environ.get("BESOM_SHARED", sys.argv[2]))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        tool = Tool(program, folder)
        for path in real_files(shared):
            compare(tool, path, path.name)
            for settings in ({"size": 224},
                             {"size": 224, "interpolation": "bicubic"},
                             {"size": 224, "resize": "crop"},
                             {"size": 600, "resize": "pad",
                              "interpolation": "bicubic"}):
                compare(tool, path, path.name, **settings)
            for size in (28, 56, 112):  # Shrunk while decoding, most of them.
                compare(tool, path, path.name, real=True, size=size)
        (folder / "odd").mkdir()
        for path, what, sizes in odd_files(folder / "odd"):
            compare_all_ways(tool, path, what, sizes)
        check_percentile(tool, folder)
        tool.process.stdin.close()
        if tool.process.wait() != 0:
            failures.append("the tool ended badly")
    print(f"{checked} comparisons, {exact} exact, {shrunk} shrunk while "
          f"decoding, {len(failures)} failures")
    print("\n".join(failures[:40]))
    sys.exit(1 if failures or checked < 500 or shrunk < 100 else 0)


if __name__ == "__main__":
    main()
