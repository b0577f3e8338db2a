"""The search for duplicates on real X-rays, and its steps against SciPy.

Usage: duplicates_parity.py TOOL SHARED_FOLDER (BESOM_SHARED goes first)
Copies are planted: of a seeded sample of all shared X-rays, each re-encoded,
cropped by 2 %, turned by 2 degrees, rescaled, and all of it at once. Of each
kind at least 98 % must be found, and at most two pairs of different patients.
"""

import csv
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"  # Products are small; before NumPy.
import numpy as np
from PIL import Image
from scipy.fft import dctn
from scipy.ndimage import map_coordinates, uniform_filter
from scipy.optimize import least_squares

SIDE = 64
MARGIN = 6  # Of the comparison, pixels.
failures = []


def check(holds, words):
    if not holds:
        failures.append(words)


def cropped(image, share):
    width, height = image.size
    dx, dy = round(width * share), round(height * share)
    return image.crop((dx, dy, width - dx, height - dy))


def scaled(image, factor):
    width, height = image.size
    return image.resize((round(width * factor), round(height * factor)),
                        Image.Resampling.BICUBIC)


def copies(image, rng):
    """Yields (kind, image, options of Image.save)."""
    yield "re-encoded", image, {"quality": rng.randint(30, 90)}
    yield "cropped", cropped(image, 0.02), {"quality": 90}
    yield "turned", image.rotate(rng.choice([-2, 2]),
                                 Image.Resampling.BILINEAR), {"quality": 90}
    yield "rescaled", scaled(image, rng.uniform(0.5, 1.5)), {"quality": 90}
    yield "all of it", scaled(cropped(image.rotate(
        rng.choice([-2, 2]), Image.Resampling.BILINEAR), 0.01),
        rng.uniform(0.5, 1.5)), {"quality": rng.randint(30, 90)}


def real_files(shared):
    """Path and patient of every shared X-ray."""
    root = shared / "data" / "xray"
    covid = root / "covid-chestxray-dataset"
    with open(covid / "metadata.csv", newline="") as file:
        patients = {row["filename"]: row["patientid"]
                    for row in csv.DictReader(file)}
    files = {p: "covid " + patients.get(p.name, p.name)
             for p in sorted((covid / "images").iterdir())}
    for path in sorted((root / "chest_xray").rglob("*.jpeg")):
        files[path] = "nih " + path.name.split("_")[0]
    assert len(files) > 600, "the X-rays are missing"
    return files


def plant(files, folder):
    """{planted path: (original, kind)}."""
    rng = random.Random(20200330)
    planted = {}
    for number, path in enumerate(rng.sample(list(files), 120)):
        with Image.open(path) as image:
            grey = image.convert("RGB").convert("L")
        for kind, copy, options in copies(grey, rng):
            name = folder / f"{number}-{kind.replace(' ', '-')}.jpg"
            copy.save(name, **options)
            planted[name] = (path, kind)
    return planted


def coverage(side):
    """What each of 64 cells covers of each pixel of an axis."""
    cell, pixel = np.mgrid[0:SIDE, 0:side]
    width = side / SIDE
    return np.clip(np.minimum((cell + 1) * width, pixel + 1) -
                   np.maximum(cell * width, pixel), 0, None) / width


def check_thumbnail(path, thumbnail):
    with Image.open(path) as image:
        if min(image.size) >= 2 * 448:
            return  # Decoded smaller than it is.
        pixels = np.asarray(image.convert("RGB"), float)
    down, across = coverage(pixels.shape[0]), coverage(pixels.shape[1])
    small = np.stack([down @ pixels[..., c] @ across.T for c in range(3)], -1)
    grey = Image.fromarray(np.round(small).astype(np.uint8)).convert("L")
    off = np.abs(np.asarray(grey, int) - thumbnail)
    # Pillow and besom may disagree by a level where they decode.
    check((off > 2).mean() < 0.001, f"{path.name}: thumbnail off by {off.max()}")


def check_hash(path, thumbnail, value):
    half = thumbnail.reshape(32, 2, 32, 2).mean(axis=(1, 3))
    coefficients = dctn(half)[1:9, 1:9].ravel()
    median = np.median(coefficients)
    near = np.abs(coefficients - median) < 1e-5 * np.abs(coefficients).max()
    bits = (value >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    wrong = (bits == 1) != (coefficients > median)
    check(not (wrong & ~near).any(), f"{path.name}: hash {value:016x}")


def normalised(thumbnail):
    """Less its surroundings, by their deviation (registration.cc)."""
    def mean(values, radius):
        size = 2 * radius + 1
        return (uniform_filter(values, size, mode="constant") /
                uniform_filter(np.ones_like(values), size, mode="constant"))
    grey = thumbnail.astype(float)
    rest = grey - mean(grey, 4)
    return rest / np.sqrt(mean(rest ** 2, 8) + 9)


def best_correlation(fixed, moving):
    """Of two thumbnails under the best affine map, by a general optimiser."""
    fixed, moving = normalised(fixed), normalised(moving)
    y, x = np.mgrid[MARGIN:SIDE - MARGIN, MARGIN:SIDE - MARGIN]
    half = (SIDE - 1) / 2
    u, v = (x - half) / half, (y - half) / half
    inner = fixed[MARGIN:-MARGIN, MARGIN:-MARGIN]

    def laid_over(m):
        where = [half + half * (m[3] * u + (1 + m[4]) * v + m[5]),
                 half + half * ((1 + m[0]) * u + m[1] * v + m[2])]
        inside = np.all([(w >= MARGIN) & (w < SIDE - 1 - MARGIN)
                         for w in where], axis=0)
        return map_coordinates(moving, where, order=1), inside

    def error(m):
        values, inside = laid_over(m)
        return ((values - inner) * inside).ravel()

    values, inside = laid_over(least_squares(error, np.zeros(6)).x)
    return np.corrcoef(values[inside], inner[inside])[0, 1]


def check_correlations(pairs, thumbnails):
    rng = random.Random(1)
    for pair in rng.sample(pairs, 12):
        wanted = best_correlation(thumbnails[pair["a"]], thumbnails[pair["b"]])
        check(abs(wanted - pair["correlation"]) < 0.02,
              f"correlation {pair['correlation']:.4f}, SciPy {wanted:.4f}")


def check_found(answer, files, planted):
    content = {pathlib.Path(i["path"]): i["content"] for i in answer["images"]}
    paths = {}
    for path, digest in content.items():
        paths.setdefault(digest, []).append(path)
    found = {frozenset((p["a"], p["b"])) for p in answer["pairs"]}
    kinds = {}
    for path, (original, kind) in planted.items():
        hit = frozenset((content[path], content[original])) in found
        kinds.setdefault(kind, []).append(hit)
    for kind, hits in kinds.items():
        print(f"{kind}: {sum(hits)} of {len(hits)} found")
        check(np.mean(hits) >= 0.98, f"{kind}: recall {np.mean(hits):.3f}")

    def original(digest):
        path = paths[digest][0]
        return planted[path][0] if path in planted else path
    strangers = set()
    for pair in answer["pairs"]:
        ends = sorted((original(pair["a"]), original(pair["b"])))
        if files[ends[0]] != files[ends[1]]:
            strangers.add(tuple(p.name for p in ends))
    print(f"{len(answer['pairs'])} pairs of {answer['candidates']} candidates "
          f"in {answer['seconds']:.2f} s, of different patients: {strangers}")
    check(len(strangers) <= 2, f"{len(strangers)} pairs of strangers")


def main():
    shared = pathlib.Path(os.environ.get("BESOM_SHARED", sys.argv[2]))
    files = real_files(shared)
    with tempfile.TemporaryDirectory() as folder:
        planted = plant(files, pathlib.Path(folder))
        paths = [*files, *planted]
        done = subprocess.run([sys.argv[1]], text=True, check=True,
                              input="".join(f"{p}\n" for p in paths),
                              stdout=subprocess.PIPE)
        answer = json.loads(done.stdout)
        thumbnails = {}
        for image in answer["images"]:
            check("error" not in image, f"{image['path']} was not decoded")
            thumbnail = np.frombuffer(bytes.fromhex(image["thumbnail"]),
                                      np.uint8).reshape(SIDE, SIDE)
            thumbnails[image["content"]] = thumbnail
            path = pathlib.Path(image["path"])
            if len(thumbnails) % 5 == 0:
                check_thumbnail(path, thumbnail)
            check_hash(path, thumbnail, np.uint64(image["hash"]))
    check_found(answer, files, planted)
    check_correlations(answer["pairs"], thumbnails)
    print(f"{len(thumbnails)} images, {len(failures)} failures")
    print("\n".join(failures[:40]))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
