"""DICOM files for the tests, written by pydicom (and DCMTK's tools)."""

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (DigitalXRayImageStorageForPresentation,
                         ExplicitVRLittleEndian, generate_uid)

# What must never leave a file unasked.
PATIENT = {"PatientID": "PAT-7Q3X-0042", "PatientName": "Quetzal^Zebulon",
           "PatientBirthDate": "19310203"}


def ramp(bits, signed=False, height=37, width=53, seed=1):
    """Samples from the least to the largest, with noise; as 8 or 16 bits."""
    least = -(1 << bits - 1) if signed else 0
    most = least + (1 << bits) - 1
    values = np.linspace(least, most, height * width).reshape(height, width)
    noise = np.random.default_rng(seed).normal(0, (most - least) / 40,
                                               (height, width))
    values = np.clip(np.round(values + noise), least, most)
    values[0, 0], values[0, 1] = least, most
    kind = ("int" if signed else "uint") + ("8" if bits <= 8 else "16")
    return values.astype(kind)


def dicom_of(pixels, bits=None, color="MONOCHROME2", **elements):
    """A data set with these pixels: (height, width[, 3]) of 8 or 16 bits."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = DigitalXRayImageStorageForPresentation
    data.SOPInstanceUID = generate_uid(entropy_srcs=[repr(pixels.tobytes()),
                                                     repr(elements)])
    data.Modality = "DX"
    data.update(PATIENT)
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel = 1 if pixels.ndim == 2 else pixels.shape[2]
    data.PhotometricInterpretation = color
    data.BitsAllocated = 8 * pixels.dtype.itemsize
    data.BitsStored = bits or data.BitsAllocated
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    if data.SamplesPerPixel > 1:
        data.PlanarConfiguration = 0
    stored = pixels
    if pixels.dtype.kind == "i" and bits:  # No sign bits above the stored ones.
        stored = pixels.view(pixels.dtype.str.replace("i", "u")) & (
            (1 << bits) - 1)
    data.PixelData = stored.tobytes()
    if len(data.PixelData) % 2:
        data.PixelData += b"\0"
    data["PixelData"].VR = "OB" if data.BitsAllocated == 8 else "OW"
    for name, value in elements.items():
        setattr(data, name, value)
    return data


def lut_of(first, bits, entries, signed=False):
    """A sequence with one look-up table."""
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if signed else "US",
                 [len(entries) & 0xFFFF, first, bits])
    item.add_new("LUTData", "OW", np.asarray(entries, "<u2").tobytes())
    return Sequence([item])


def save(data, path, syntax=None):
    """Writes the file; `syntax`: a transfer syntax without compression."""
    if syntax is not None:
        data.file_meta.TransferSyntaxUID = syntax
        if syntax == pydicom.uid.ExplicitVRBigEndian:
            pixels = np.frombuffer(data.PixelData, "<u2")
            if data.BitsAllocated == 16:
                data.PixelData = pixels.astype(">u2").tobytes()
    data.save_as(path, enforce_file_format=True)
    return path
