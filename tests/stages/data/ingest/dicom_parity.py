"""Compares besom's DICOM images with pydicom's, level by level.

Usage: dicom_parity.py DECODE_TOOL
Every kind of stored number, transform and colour, in every transfer syntax
that is read; at most one of the 256 levels apart. DCMTK's own tools write what
pydicom cannot compress; lossless files must give the very pixels.
"""

import itertools
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
import pydicom
from pydicom.pixels import (apply_color_lut, apply_modality_lut, apply_voi_lut,
                            convert_color_space)
from pydicom.uid import (DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian,
                         ExplicitVRLittleEndian, ImplicitVRLittleEndian,
                         JPEG2000, JPEGBaseline8Bit, RLELossless)

from dicom_files import dicom_of, lut_of, ramp, save

failures = []
checked = 0


class Tool:
    def __init__(self, program, folder):
        self.out = folder / "pixels.bin"
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def run(self, path, bit_depth_range="full"):
        job = {"path": str(path), "out": str(self.out), "size": 0,
               "resize": "stretch", "interpolation": "bilinear",
               "bit_depth_range": bit_depth_range}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            return answer["error"], None
        shape = (answer["height"], answer["width"], answer["channels"])
        return answer, np.fromfile(self.out, np.uint8).reshape(shape)


def check(what, pixels, wanted, apart=1):
    global checked
    checked += 1
    if isinstance(pixels, tuple):
        error, pixels = pixels
    if pixels is None:
        failures.append(f"{what}: {error}")
        return
    wanted = wanted if wanted.ndim == 3 else wanted[..., None]
    if pixels.shape != wanted.shape:
        failures.append(f"{what}: {pixels.shape}, pydicom {wanted.shape}")
        return
    worst = np.abs(pixels.astype(int) - wanted.astype(int)).max()
    if worst > apart:
        failures.append(f"{what}: {worst} levels apart")


def stored_range(data):
    least = -(1 << data.BitsStored - 1) if data.PixelRepresentation else 0
    return least, least + (1 << data.BitsStored) - 1


def levels(data):
    """What a screen shows of it by pydicom, 0 to 255."""
    stored = data.pixel_array
    values = apply_modality_lut(stored, data)
    ends = np.array(stored_range(data), float)
    if "ModalityLUTSequence" in data:
        ends = np.array([0, 2.0 ** data.ModalityLUTSequence[0].
                         LUTDescriptor[2] - 1])
    elif "RescaleSlope" in data:
        ends = ends * float(data.RescaleSlope) + float(data.RescaleIntercept)
    if "VOILUTSequence" in data:
        ends = np.array([0, 2.0 ** data.VOILUTSequence[0].LUTDescriptor[2] - 1])
    if "VOILUTSequence" in data or "WindowWidth" in data:
        values = apply_voi_lut(values, data)
    share = (values - ends.min()) / (ends.max() - ends.min())
    if data.PhotometricInterpretation == "MONOCHROME1":
        share = 1 - share
    return np.floor(np.clip(share, 0, 1) * 255 + 0.5)


WINDOWS = {
    "none": {},
    "linear": {"WindowCenter": 0.4, "WindowWidth": 0.5},
    "narrow": {"WindowCenter": 0.5, "WindowWidth": 0.01},
    "exact": {"WindowCenter": 0.6, "WindowWidth": 0.3,
              "VOILUTFunction": "LINEAR_EXACT"},
    "sigmoid": {"WindowCenter": 0.45, "WindowWidth": 0.4,
                "VOILUTFunction": "SIGMOID"},
    "two": {"WindowCenter": [0.3, 0.7], "WindowWidth": [0.2, 0.9]},
}


def window_of(kind, least, most):
    """The window, its numbers as shares of the output's range."""
    def scaled(value, shift):
        if isinstance(value, list):
            return [scaled(v, shift) for v in value]
        return round(value * (most - least) + shift, 3)
    elements = dict(WINDOWS[kind])
    if elements:
        elements["WindowCenter"] = scaled(elements["WindowCenter"], least)
        elements["WindowWidth"] = scaled(elements["WindowWidth"], 1)
    return elements


def check_grey(tool, folder):
    depths = [(8, 0), (6, 0), (8, 1), (10, 0), (12, 0), (12, 1), (16, 0),
              (16, 1)]
    rescales = [{}, {"RescaleSlope": 1.5, "RescaleIntercept": -1024.0},
                {"RescaleSlope": 0.25, "RescaleIntercept": 7.5}]
    syntaxes = itertools.cycle([ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    for (bits, signed), rescale, kind, color in itertools.product(
            depths, rescales, WINDOWS, ("MONOCHROME1", "MONOCHROME2")):
        pixels = ramp(bits, signed)
        data = dicom_of(pixels, bits, color, **rescale)
        ends = [end * rescale.get("RescaleSlope", 1) +
                rescale.get("RescaleIntercept", 0)
                for end in stored_range(data)]
        for name, value in window_of(kind, *ends).items():
            setattr(data, name, value)
        path = save(data, folder / "grey.dcm", next(syntaxes))
        what = f"{color} {bits} bits signed={signed} {rescale} window {kind}"
        # Without a window and with all 8 bits the numbers are the levels.
        exact = bits == 8 and not signed and kind == "none"
        check(what, tool.run(path), levels(pydicom.dcmread(path)),
              0 if exact else 1)


def check_negative_slope(tool, folder):
    """By the standard's formula: pydicom turns its output around."""
    pixels = ramp(12)
    line = {"RescaleSlope": -2.0, "RescaleIntercept": 4000.0}
    path = save(dicom_of(pixels, 12, **line), folder / "negative.dcm")
    check("negative slope", tool.run(path), np.round((4095 - pixels) / 16.0588))
    window = {"WindowCenter": 1000, "WindowWidth": 2001}
    path = save(dicom_of(pixels, 12, **line, **window), folder / "negative.dcm")
    values = 4000 - 2.0 * pixels
    check("negative slope, window", tool.run(path),
          np.round(255 * np.clip((values - 999.5) / 2000 + 0.5, 0, 1)))


def check_tables(tool, folder):
    pixels = ramp(12)
    rising = (np.linspace(0, 1, 4096) ** 2 * 1023).astype(int)
    modality = {"ModalityLUTSequence": lut_of(0, 16, rising * 64)}
    cases = {
        "modality LUT": modality,
        "modality LUT and window": {**modality, "WindowCenter": 32000,
                                    "WindowWidth": 38400},
        "VOI LUT": {"VOILUTSequence": lut_of(300, 10, rising[::2])},
        "VOI LUT before the window": {
            "VOILUTSequence": lut_of(0, 16, rising * 64), "WindowCenter": 1,
            "WindowWidth": 2},
        "VOI LUT after rescale": {
            "RescaleSlope": 1.0, "RescaleIntercept": -1024.0,
            "VOILUTSequence": lut_of(-1000, 12, rising * 4, signed=True)},
    }
    for (what, elements), color in itertools.product(
            cases.items(), ("MONOCHROME1", "MONOCHROME2")):
        data = dicom_of(pixels, 12, color, **elements)
        path = save(data, folder / "table.dcm")
        check(f"{color} {what}", tool.run(path), levels(pydicom.dcmread(path)))
    few = rising[::2] // 4
    wanted = few[np.clip(pixels.astype(int) - 300, 0, 2047)]
    for what, kind in (("two in a word", "u1"), ("one in a word", "<u2")):
        table = lut_of(300, 8, few)
        table[0].LUTData = few.astype(kind).tobytes()
        data = dicom_of(pixels, 12, VOILUTSequence=table)
        check(f"VOI LUT of 8 bits, {what}",
              tool.run(save(data, folder / "table.dcm")), wanted, 0)
    signed = ramp(12, signed=True)
    data = dicom_of(signed, 12, ModalityLUTSequence=lut_of(
        -2048, 16, rising * 64, signed=True))
    path = save(data, folder / "table.dcm")
    check("signed modality LUT", tool.run(path), levels(pydicom.dcmread(path)))


def check_shapes(tool, folder):
    """PresentationLUTShape, shifted bits, big endian, percentiles."""
    pixels = ramp(12)
    for color, shape, inverse in (("MONOCHROME1", "INVERSE", True),
                                  ("MONOCHROME2", "IDENTITY", False),
                                  ("MONOCHROME2", "INVERSE", True)):
        data = dicom_of(pixels, 12, color, PresentationLUTShape=shape)
        plain = np.floor(pixels / 4095 * 255 + 0.5)
        check(f"{color} {shape}", tool.run(save(data, folder / "shape.dcm")),
              255 - plain if inverse else plain)
    data = dicom_of(pixels << 4, 12, HighBit=15)
    check("high bit 15", tool.run(save(data, folder / "high.dcm")),
          np.floor(pixels / 4095 * 255 + 0.5))
    overlay = dicom_of(pixels | 0xF000, 12)
    check("bits above the stored ones",
          tool.run(save(overlay, folder / "overlay.dcm")),
          np.floor(pixels / 4095 * 255 + 0.5))
    big = save(dicom_of(pixels, 12), folder / "big.dcm", ExplicitVRBigEndian)
    check("big endian", tool.run(big), np.floor(pixels / 4095 * 255 + 0.5))
    for bits, signed, color in itertools.product(
            (10, 12, 16), (0, 1), ("MONOCHROME1", "MONOCHROME2")):
        pixels = ramp(bits, signed)
        pixels[10:20] //= 4
        path = save(dicom_of(pixels, bits, color), folder / "percentile.dcm")
        low, high = np.percentile(pixels.astype(float), [0.5, 99.5],
                                  method="nearest")
        wanted = np.clip((pixels - low) / (high - low), 0, 1)
        if color == "MONOCHROME1":
            wanted = 1 - wanted
        check(f"percentile {bits} bits signed={signed} {color}",
              tool.run(path, "percentile"), np.round(wanted * 255))


def colors(seed=3, height=40, width=52):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 90 * np.sin(x / (9.0 + k) + k) * np.cos(y / (11.0 - k))
             for k in range(3)]
    noise = rng.normal(0, 4, (height, width, 3))
    return np.clip(np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)


def check_colors(tool, folder):
    pixels = colors()
    path = folder / "color.dcm"
    check("RGB", tool.run(save(dicom_of(pixels, color="RGB"), path)), pixels, 0)
    planar = dicom_of(pixels, color="RGB", PlanarConfiguration=1)
    planar.PixelData = pixels.transpose(2, 0, 1).tobytes()
    check("RGB by planes", tool.run(save(planar, path)), pixels, 0)
    full = convert_color_space(pixels, "RGB", "YBR_FULL")
    check("YBR_FULL", tool.run(save(dicom_of(full, color="YBR_FULL"), path)),
          convert_color_space(full, "YBR_FULL", "RGB"))
    halved = full.copy()
    halved[:, 1::2, 1:] = halved[:, ::2, 1:]
    pairs = np.concatenate([halved[:, ::2, :1], halved[:, 1::2, :1],
                            halved[:, ::2, 1:]], axis=-1)
    data = dicom_of(full, color="YBR_FULL_422")
    data.PixelData = pairs.tobytes()
    check("YBR_FULL_422", tool.run(save(data, path)),
          convert_color_space(halved, "YBR_FULL", "RGB"))
    grey = np.repeat(ramp(8, height=20, width=30)[..., None], 3, -1)
    check("RGB that is grey",
          tool.run(save(dicom_of(grey, color="RGB"), path)), grey[..., :1], 0)
    palette = dicom_of(ramp(8), color="PALETTE COLOR")
    for k, name in enumerate(("Red", "Green", "Blue")):
        entries = (np.arange(256) * (k + 1) * 83 % 256 * 257).astype("<u2")
        setattr(palette, f"{name}PaletteColorLookupTableDescriptor",
                [256, 0, 16])
        setattr(palette, f"{name}PaletteColorLookupTableData",
                entries.tobytes())
    save(palette, path)
    check("palette", tool.run(path), apply_color_lut(ramp(8), palette) // 257)


def check_compression(tool, folder):
    plain, packed = folder / "plain.dcm", folder / "packed.dcm"
    lossless = {"RLE": ["dcmcrle"], "JPEG lossless": ["dcmcjpeg", "+e1"],
                "JPEG lossless, any predictor": ["dcmcjpeg", "+el"],
                "JPEG-LS": ["dcmcjpls"]}
    images = {"8 bits": dicom_of(ramp(8)), "12 bits": dicom_of(ramp(12), 12),
              "16 bits": dicom_of(ramp(16)),
              "signed": dicom_of(ramp(12, True), 12,
                                 RescaleSlope=1, RescaleIntercept=-100,
                                 WindowCenter=0, WindowWidth=1500),
              "colours": dicom_of(colors(), color="RGB")}
    for (way, command), (what, data) in itertools.product(
            lossless.items(), images.items()):
        save(data, plain)
        if "JPEG l" in way and what == "signed":
            continue  # The tool refuses to compress them.
        subprocess.run([*command, plain, packed], check=True)
        _, wanted = tool.run(plain)
        check(f"{way} of {what}", tool.run(packed), wanted, 0)
        check_damage(tool, packed)
    by_pydicom = dicom_of(ramp(12), 12)
    by_pydicom.compress(RLELossless)
    save(by_pydicom, packed)
    check("RLE by pydicom", tool.run(packed), np.floor(ramp(12) / 4095 * 255 +
                                                       0.5))
    for what, command, data in (
            ("JPEG baseline", ["dcmcjpeg", "+eb", "+q", "95"],
             dicom_of(ramp(8, seed=0) // 4 * 4)),
            ("JPEG extended, 12 bits", ["dcmcjpeg", "+ee", "+q", "95"],
             dicom_of(ramp(12), 12)),
            ("JPEG baseline, colours", ["dcmcjpeg", "+eb", "+s4", "+q", "95"],
             dicom_of(colors(), color="RGB"))):
        save(data, plain)
        subprocess.run([*command, plain, packed], check=True)
        unpacked = folder / "unpacked.dcm"
        subprocess.run(["dcmdjpeg", packed, unpacked], check=True)
        _, wanted = tool.run(unpacked)
        check(what, tool.run(packed), wanted, 0)
        check_damage(tool, packed)
        _, wanted = tool.run(plain)
        check(f"{what}, beside the original", tool.run(packed), wanted, 40)
        if "12" not in what:  # Pillow's decoder, another libjpeg.
            read = pydicom.dcmread(packed)
            assert read.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
            check(f"{what}, by Pillow", tool.run(packed), read.pixel_array, 3)


def check_damage(tool, path):
    """Of a file with a few bytes changed the tool says something, soon."""
    whole = path.read_bytes()
    frame = whole.index(b"\xe0\x7f\x10\x00")
    draw = random.Random(len(whole))
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(draw.randrange(1, 6)):
            begin, end = draw.choice([(132, frame), (frame, len(whole)),
                                      (frame, min(frame + 200, len(whole)))])
            damaged[draw.randrange(begin, end)] = draw.choice(
                [0, 1, 255, draw.randrange(256)])
        path.write_bytes(damaged)
        tool.run(path)
    path.write_bytes(whole)


def check_refusals(tool, folder):
    path = folder / "refused.dcm"
    pixels = ramp(8)

    def refused(what, word):
        global checked
        checked += 1
        reason, image = tool.run(path)
        if image is not None or word not in str(reason):
            failures.append(f"{what}: not refused for '{word}': {reason}")

    frames = dicom_of(pixels, NumberOfFrames=3)
    frames.PixelData = frames.PixelData * 3
    save(frames, path)
    refused("three frames", "of 3 frames")
    for what, elements, word in (
            ("no rows", {"Rows": None}, "without Rows"),
            ("no pixels", {"Rows": 0}, "without pixels"),
            ("too large", {"Rows": 65000, "Columns": 65000}, "limit"),
            ("too short", {"Rows": 60}, "fewer pixels"),
            ("32 bits", {"BitsAllocated": 32}, "bits in 32"),
            ("17 of 16 bits", {"BitsStored": 9}, "9 bits in 8"),
            ("slope", {"RescaleSlope": 0, "RescaleIntercept": 1}, "slope"),
            ("width", {"WindowCenter": 9, "WindowWidth": 0}, "width"),
            ("function", {"WindowCenter": 9, "WindowWidth": 9,
                          "VOILUTFunction": "CUBIC"}, "unknown function"),
            ("channels", {"PhotometricInterpretation": "RGB"}, "channels"),
            ("no colour", {"PhotometricInterpretation": ""}, "Photometric")):
        save(dicom_of(pixels, **elements), path)
        refused(what, word)
    bare = dicom_of(pixels)
    del bare.PixelData
    save(bare, path)
    refused("no pixel data", "without pixels")
    deflated = dicom_of(pixels)
    save(deflated, path, DeflatedExplicitVRLittleEndian)
    refused("deflated", "deflated")
    packed = dicom_of(pixels)
    packed.PixelData = pydicom.encaps.encapsulate([b"\xff\x4f\xff\x51" * 9])
    packed["PixelData"].is_undefined_length = True
    save(packed, path, JPEG2000)
    refused("JPEG 2000", "JPEG 2000")
    save(dicom_of(pixels), path)
    path.write_bytes(path.read_bytes()[132:])
    refused("no preamble", "preamble")


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        tool = Tool(sys.argv[1], folder)
        for step in (check_grey, check_negative_slope, check_tables,
                     check_shapes, check_colors, check_compression,
                     check_refusals):
            step(tool, folder)
        tool.process.stdin.close()
        if tool.process.wait() != 0:
            failures.append("the tool ended badly")
    print(f"{checked} comparisons, {len(failures)} failures")
    print("\n".join(failures[:40]))
    sys.exit(1 if failures or checked < 300 else 0)


if __name__ == "__main__":
    main()
