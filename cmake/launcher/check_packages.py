"""Prints those pins of requirement files that this environment lacks.

A package counts as present when its version is the pinned one and every file
of its record is there in the recorded size, so that an installation that was
broken off half way does not pass. One line a pin, as the file spells it.
"""

import importlib.metadata
import sys


def pins(path):
    """Yields (name, version, line) of each `name==version` line."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            line = line.split("#")[0].strip()
            if line:
                name, version = line.split("==")
                yield name, version, line


def is_whole(name, version):
    """Whether the package is installed in this version with all its files."""
    try:
        package = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    if package.version.split("+")[0] != version or not package.files:
        return False
    for file in package.files:
        if file.suffix == ".pyc":
            continue
        try:
            size = file.locate().stat().st_size
        except OSError:
            return False
        if file.size is not None and size != file.size:
            return False
    return True


def main():
    for path in sys.argv[1:]:
        for name, version, line in pins(path):
            if not is_whole(name, version):
                print(line)


if __name__ == "__main__":
    main()
