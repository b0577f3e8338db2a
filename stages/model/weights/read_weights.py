"""Reads weights of another format and writes them as plain .safetensors.

usage: python -I read_weights.py FILE OUT

FILE is of torch.save (zip or older), .npz, Keras's .h5, or ONNX, by what it
holds. OUT keeps its names, types and numbers; __metadata__ says the `format`
(torch, npz, keras or onnx). Exit code 0; 2 when FILE is refused, 4 when a
Python package is missing, each with one line on stdout that says why.

The file is not trusted. Nothing in it is run, nothing outside of it opened,
and this process has limits of memory, time and size: a bug of a library that
a prepared file finds ends this process and harms no other.
"""

import os
import resource
import sys
import zipfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import safetensors_file  # noqa: E402
import torch_file  # noqa: E402
from refused import MOST_BYTES, Refused  # noqa: E402

GIB = 1 << 30
LIMITS = {resource.RLIMIT_AS: 3 * MOST_BYTES, resource.RLIMIT_CPU: 900,
          resource.RLIMIT_FSIZE: MOST_BYTES + GIB, resource.RLIMIT_CORE: 0}


def set_limits():
    for kind, most in LIMITS.items():
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(kind, (most, hard))
    # HDF5 must not load filters from folders; one thread needs less memory.
    os.environ.pop("HDF5_PLUGIN_PATH", None)
    os.environ["HDF5_PLUGIN_PRELOAD"] = "::"
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


def format_of(path):
    with open(path, "rb") as file:
        start = file.read(8)
    if start == b"\x89HDF\r\n\x1a\n":
        return "keras"
    if start[:4] == b"PK\x03\x04":
        names = zipfile.ZipFile(path).namelist()
        return ("torch" if any(name.endswith("/data.pkl") for name in names)
                else "npz")
    if torch_file.is_torch(start):
        return "torch"
    if path.endswith(".onnx"):
        return "onnx"
    raise Refused("it is of none of the formats that are read: torch.save's "
                  ".pth, .npz, Keras's .h5, .onnx, .safetensors")


def read_tensors(path, kind):
    if kind == "torch":
        return torch_file.read_tensors(path)
    import array_files

    return {"npz": array_files.read_npz, "keras": array_files.read_h5,
            "onnx": array_files.read_onnx}[kind](path)


def convert(source, target):
    kind = format_of(source)
    tensors = read_tensors(source, kind)
    with open(target, "wb") as file:
        safetensors_file.write(file, tensors, {"format": kind})


def one_line(error):
    text = " ".join(str(error).split()) or type(error).__name__
    return text.encode("ascii", "backslashreplace").decode()[:500]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    set_limits()
    try:
        convert(*sys.argv[1:])
    except Refused as error:
        print(one_line(error))
        sys.exit(2)
    except MemoryError:
        print("reading it takes more memory than any weights do")
        sys.exit(2)
    except ImportError as error:
        print(f"this Python lacks a package ({one_line(error)})")
        sys.exit(4)
    except Exception as error:  # What libraries say of damaged files.
        print(f"it is damaged ({type(error).__name__}: {one_line(error)})")
        sys.exit(2)


if __name__ == "__main__":
    main()
