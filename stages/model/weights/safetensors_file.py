"""Writes .safetensors files (github.com/huggingface/safetensors, "Format").

Needs nothing but the standard library. Equal input gives equal bytes.
"""

import json
import math
import struct
from typing import Callable, NamedTuple

WIDTHS = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2,
          "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


class Tensor(NamedTuple):
    name: str
    dtype: str  # A key of WIDTHS.
    shape: tuple
    read: Callable[[], bytes]  # The numbers: little endian, last axis fastest.

    def size(self):
        return math.prod(self.shape) * WIDTHS[self.dtype]


def write(file, tensors, metadata):
    """Writes the tensors sorted by name, one at a time."""
    tensors = sorted(tensors, key=lambda tensor: tensor.name)
    header, end = {"__metadata__": metadata}, 0
    for tensor in tensors:
        begin, end = end, end + tensor.size()
        header[tensor.name] = {"dtype": tensor.dtype,
                               "shape": list(tensor.shape),
                               "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for tensor in tensors:
        data = tensor.read()
        if len(data) != tensor.size():
            raise ValueError(f"tensor {tensor.name!r} has {len(data)} bytes "
                             f"instead of {tensor.size()}")
        file.write(data)
