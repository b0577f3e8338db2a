"""Layout check and lint of the C++ sources, in parallel.

lint.py format ROOT: clang-format of every .h and .cc; exit code 1 when one
would be laid out differently.
lint.py tidy ROOT BUILD: clang-tidy with the list of .clang-tidy over the files
that BUILD compiles, without tests (half of the time, and a bug there shows) and
without those that include LibTorch (20 s each for the headers alone).
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

FOLDERS = ("pipeline", "stages", "sweeps", "cluster", "db", "tests")


def sources(root):
    """Returns all C++ files of the project below `root`, sorted."""
    return sorted(
        path
        for folder in FOLDERS
        for path in (root / folder).rglob("*")
        if path.suffix in (".h", ".cc", ".cu")
    )


def run_all(commands):
    """Runs (name, command) pairs; prints what fails; returns an exit code."""
    code = 0
    with concurrent.futures.ThreadPoolExecutor(
        len(os.sched_getaffinity(0))
    ) as pool:
        runs = pool.map(
            lambda command: subprocess.run(
                command[1],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ),
            commands,
        )
        for (name, _), run in zip(commands, runs):
            if run.returncode != 0:
                print(f"{name}\n{run.stdout}{run.stderr}", file=sys.stderr)
                code = 1
    return code


def format_commands(root):
    command = ["clang-format", "--dry-run", "-Werror", "--style=file"]
    return [(str(path), command + [str(path)]) for path in sources(root)]


def tidy_commands(root, build):
    entries = json.loads((build / "compile_commands.json").read_text())
    ours = {str(path) for path in sources(root)}
    files = sorted(
        {
            entry["file"]
            for entry in entries
            if entry["file"] in ours
            and not entry["file"].startswith(str(root / "tests") + "/")
            and "/torch/include" not in entry["command"]
        }
    )
    command = ["clang-tidy", "--quiet", "-p", str(build)]
    return [(file, command + [file]) for file in files]


def main():
    root = pathlib.Path(sys.argv[2]).resolve()
    if sys.argv[1] == "format":
        return run_all(format_commands(root))
    return run_all(tidy_commands(root, pathlib.Path(sys.argv[3])))


if __name__ == "__main__":
    sys.exit(main())
