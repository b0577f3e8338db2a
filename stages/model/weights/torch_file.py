"""Reads the tensors of files that torch.save wrote, without torch.

Pickles can name any function of Python and have it called. Here they cannot:
the few names that state dicts need become plain tuples, and any other name is
refused before anything happens. Needs nothing but the standard library.
"""

import array
import functools
import io
import itertools
import math
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from typing import NamedTuple

from refused import MOST_BYTES, Refused, check_total
from safetensors_file import WIDTHS, Tensor

MAGIC = 0x1950A86A20F9469CFC6C  # First number of torch.save's older format.
PROTOCOL = 1001
STORAGES = {"FloatStorage": "F32", "DoubleStorage": "F64",
            "HalfStorage": "F16", "BFloat16Storage": "BF16",
            "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16",
            "CharStorage": "I8", "ByteStorage": "U8", "BoolStorage": "BOOL"}
# What training scripts call the state dict inside of a checkpoint.
INNER = ("state_dict", "model_state_dict", "model")
ARRAY_TYPES = {8: "Q", 4: "I", 2: "H", 1: "B"}


class Storage(NamedTuple):
    dtype: str
    key: str
    count: int


class Stored(NamedTuple):
    """A tensor as the pickle describes it: a window on a storage."""
    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


def rebuild_tensor(storage, offset, shape, strides, *_):
    # (storage, offset, shape, strides, requires_grad, hooks, metadata)
    return Stored(storage, offset, tuple(shape), tuple(strides))


def rebuild_parameter(data, *_):
    return data


class StateReader(pickle.Unpickler):
    """Reads a state dict as plain values; refuses any other object."""

    KNOWN = {("collections", "OrderedDict"): OrderedDict,
             ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
             ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
             **{("torch", name): dtype for name, dtype in STORAGES.items()}}

    def find_class(self, module, name):
        if (module, name) not in self.KNOWN:
            raise Refused(
                f"its pickle asks for {module}.{name}, which is no part of a "
                "state dict; nothing of it was run")
        return self.KNOWN[module, name]

    def persistent_load(self, saved):
        kind, dtype, key, _, count, *rest = saved
        if (kind != "storage" or dtype not in WIDTHS or not is_count(count)
                or not isinstance(key, str)):
            raise Refused("it describes a storage in an unknown way")
        if rest and rest[0] is not None:
            raise Refused(f"storage {key} is a view of another one")
        return Storage(dtype, key, count)


def is_count(number):
    return type(number) is int and 0 <= number <= MOST_BYTES


def is_torch(start):
    """Whether a file that begins so may be of torch.save's older format."""
    return start[:1] == b"\x80"


def read_tensors(path):
    """Returns the Tensors of the state dict, in its order."""
    if zipfile.is_zipfile(path):
        state, storages = read_zip(path)
    else:
        state, storages = read_older(path)
    named = without_common_prefix(state_dict_in(state))
    read = functools.lru_cache(maxsize=1)(storages)
    return check_total([tensor_of(name, stored, read)
                        for name, stored in named.items()])


def state_dict_in(saved):
    inner = [saved.get(key) for key in INNER] if isinstance(saved, dict) else []
    for found in [saved, *inner]:
        if not isinstance(found, dict):
            continue
        named = {name: stored for name, stored in found.items()
                 if isinstance(name, str) and isinstance(stored, Stored)}
        if named:
            return named
    raise Refused("it holds no state dict (names and tensors); save one: "
                  "torch.save(model.state_dict(), FILE)")


def without_common_prefix(named, prefix="module."):
    """DataParallel puts a word before every name."""
    if all(name.startswith(prefix) for name in named):
        return {name[len(prefix):]: stored for name, stored in named.items()}
    return named


def read_zip(path):
    archive = zipfile.ZipFile(path)
    pickles = [name for name in archive.namelist()
               if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise Refused("it is a zip file, but not one of torch.save")
    folder = pickles[0][:-len("data.pkl")]

    def member(name):
        try:
            info = archive.getinfo(folder + name)
        except KeyError:
            raise Refused(f"{folder + name} is missing in it") from None
        if info.compress_type != zipfile.ZIP_STORED:
            raise Refused(f"{folder + name} is compressed, as torch.save "
                          "never does")
        return archive.read(info)

    if (folder + "byteorder" in archive.namelist()
            and member("byteorder") != b"little"):
        raise Refused("it is big endian")
    state = StateReader(io.BytesIO(member("data.pkl"))).load()

    def storage(wanted):
        return checked(wanted, member("data/" + wanted.key))

    return state, storage


def read_older(path):
    file = open(path, "rb")  # Lives as long as `storage` below.
    if (StateReader(file).load() != MAGIC
            or StateReader(file).load() != PROTOCOL):
        raise Refused("it is a pickle, but not one of torch.save")
    system = StateReader(file).load()
    if not isinstance(system, dict) or not system.get("little_endian"):
        raise Refused("it is big endian")
    state = StateReader(file).load()
    keys = StateReader(file).load()
    if not isinstance(keys, list) or len(set(map(str, keys))) != len(keys):
        raise Refused("its list of storages is damaged")
    widths = {stored.storage.key: WIDTHS[stored.storage.dtype]
              for stored in all_stored(state)}
    places, at, size = {}, file.tell(), os.fstat(file.fileno()).st_size
    for key in keys:
        file.seek(at)
        (count,) = struct.unpack("<q", file.read(8))
        if key not in widths or not is_count(count):
            raise Refused(f"storage {key!r} is damaged or of an unknown kind")
        places[key] = (at + 8, count * widths[key])
        at += 8 + count * widths[key]
    if at > size:
        raise Refused(f"it is cut short: {size} of {at} bytes")

    def storage(wanted):
        if wanted.key not in places:
            raise Refused(f"storage {wanted.key} is missing in it")
        begin, length = places[wanted.key]
        file.seek(begin)
        return checked(wanted, file.read(length))

    return state, storage


def all_stored(saved, depth=4):
    if isinstance(saved, Stored):
        yield saved
    elif isinstance(saved, (dict, list)) and depth > 0:
        for value in saved.values() if isinstance(saved, dict) else saved:
            yield from all_stored(value, depth - 1)


def checked(storage, data):
    wanted = storage.count * WIDTHS[storage.dtype]
    if len(data) != wanted:
        raise Refused(f"storage {storage.key} has {len(data)} bytes instead "
                      f"of {wanted}")
    return data


def tensor_of(name, stored, read_storage):
    storage, offset, shape, strides = stored
    if (not isinstance(storage, Storage) or not is_count(offset)
            or not all(map(is_count, shape + strides))
            or len(shape) != len(strides) or len(shape) > 8):
        raise Refused(f"tensor {name!r} is described in an unknown way")
    empty = math.prod(shape) == 0
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides))
    if not empty and last >= storage.count:
        raise Refused(f"tensor {name!r} lies outside of its storage")
    if any(n > 1 and step == 0 for n, step in zip(shape, strides)):
        raise Refused(f"tensor {name!r} repeats its numbers")
    width = WIDTHS[storage.dtype]

    def read():
        data = read_storage(storage)
        if empty:
            return b""
        if strides == row_major(shape):
            return data[offset * width:(last + 1) * width]
        return gather(data, width, offset, shape, strides)

    return Tensor(name, storage.dtype, shape, read)


def row_major(shape):
    return tuple(math.prod(shape[axis + 1:]) for axis in range(len(shape)))


def gather(data, width, offset, shape, strides):
    """The numbers of a window whose axes lie in another order."""
    numbers = array.array(ARRAY_TYPES[width], data)
    gathered = array.array(numbers.typecode)
    *outer, (count, step) = zip(shape or (1,), strides or (1,))
    for place in itertools.product(*(range(n) for n, _ in outer)):
        start = offset + sum(i * s for i, (_, s) in zip(place, outer))
        gathered.extend(numbers[start:start + (count - 1) * step + 1:step])
    return gathered.tobytes()
