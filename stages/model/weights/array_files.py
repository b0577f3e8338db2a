"""Reads the tensors of .npz, Keras's .h5 and ONNX files.

Nothing outside of the file is ever opened: links, external data and virtual
data sets are refused, zip members are read by name and never unpacked.
"""

import math
import zipfile

import numpy as np

from refused import MOST_BYTES, Refused, check_total
from safetensors_file import Tensor

DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16",
          "bfloat16": "BF16", "int64": "I64", "int32": "I32", "int16": "I16",
          "int8": "I8", "uint8": "U8", "bool": "BOOL"}
# Deeper groups and more members than any weights have.
DEEPEST, MOST_MEMBERS = 12, 20_000


def check_array(name, dtype, shape):
    """Refuses what is no plain array before it is read."""
    if dtype.name not in DTYPES:
        raise Refused(f"array {name!r} holds {dtype.name}, not numbers")
    size = math.prod(shape) * dtype.itemsize
    if not 0 <= size <= MOST_BYTES:
        raise Refused(f"array {name!r} claims {size} bytes")
    return size


def tensor_of(name, dtype, shape, load):
    check_array(name, dtype, shape)

    def read():
        array = np.asarray(load())
        little = array.dtype.newbyteorder("<")
        return np.ascontiguousarray(array, dtype=little).tobytes()

    return Tensor(name, DTYPES[dtype.name], tuple(map(int, shape)), read)


def read_npz(path):
    archive = zipfile.ZipFile(path)
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise Refused(f"it has {len(members)} members")
    return check_total([npy_member(archive, info) for info in members])


def npy_member(archive, info):
    if not info.filename.endswith(".npy"):
        raise Refused(f"{info.filename!r} in it is no .npy array")
    name = info.filename[:-len(".npy")]
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0,
                   (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise Refused(f"array {name!r} is of version {version}")
        shape, _, dtype = readers[version](file)
        size = check_array(name, dtype, shape)
        if size != info.file_size - file.tell():
            raise Refused(f"array {name!r} has {info.file_size - file.tell()} "
                          f"bytes instead of {size}")

    def load():
        with archive.open(info) as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    return tensor_of(name, dtype, shape, load)


def read_h5(path):
    import h5py

    file = h5py.File(path, "r")
    root = file["model_weights"] if "model_weights" in file else file
    if "layers" in root and "layer_names" not in root.attrs:
        raise Refused("it is of Keras 3's own format, which does not name its "
                      "layers; save it as FILE.h5 from Keras 2, or by "
                      "numpy.savez with the names LAYER/kernel, LAYER/bias ...")
    return check_total(list(h5_tensors(root, "", 0, [0])))


def h5_tensors(group, prefix, depth, count):
    import h5py

    for key in group:
        name = prefix + key
        count[0] += 1
        if depth > DEEPEST or count[0] > MOST_MEMBERS:
            raise Refused("its groups are nested too deep or are too many")
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise Refused(f"{name!r} in it is a link to somewhere else")
        item = group[key]
        if isinstance(item, h5py.Group):
            yield from h5_tensors(item, name + "/", depth + 1, count)
        elif isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual or item.shape is None:
                raise Refused(f"{name!r} in it lies in another file")
            yield tensor_of(name, item.dtype, item.shape,
                            lambda item=item: item[()])


def read_onnx(path):
    import onnx

    model = onnx.load_model(path, load_external_data=False)
    return check_total([onnx_tensor(proto)
                        for proto in model.graph.initializer])


def onnx_tensor(proto):
    import onnx

    name = proto.name
    if proto.data_location == onnx.TensorProto.EXTERNAL or proto.external_data:
        raise Refused(f"tensor {name!r} lies in another file; save the model "
                      "in one file")
    if any(side < 0 for side in proto.dims):
        raise Refused(f"tensor {name!r} has a negative side")
    try:
        array = onnx.numpy_helper.to_array(proto)
    except (TypeError, ValueError, KeyError) as error:
        raise Refused(f"tensor {name!r} is damaged: {error}") from None
    return tensor_of(name, array.dtype, array.shape, lambda: array)
