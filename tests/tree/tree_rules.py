"""The rules that the tree itself must keep; see pipeline/ARCHITECTURE.md.

Each rule is a function of the root folder that returns a list of violations,
one line each: "path[:line]: what is wrong".
"""

import ast
import json
import pathlib
import re
import subprocess

# Layers: which folders of ours each folder may include, itself apart. A name
# with a file part allows that header only.
MAY_INCLUDE = {
    "pipeline/base": [],
    "pipeline/graph": ["pipeline/base"],
    "pipeline/store": ["pipeline/base"],
    "sweeps": ["pipeline/base"],
    "cluster": ["pipeline/base"],
    "db": ["pipeline/base"],
    "stages": [
        "pipeline/base",
        "pipeline/store/artifact.h",
        "cluster/group.h",
        "cluster/group_exchange.h",
        "cluster/self_group.h",
        "cluster/shards.h",
    ],
    "pipeline/run": [
        "pipeline/base",
        "pipeline/graph",
        "pipeline/store",
        "sweeps",
        "cluster",
        "db",
        "stages",
    ],
    "pipeline/cli": [
        "pipeline/base",
        "pipeline/graph",
        "pipeline/store",
        "pipeline/run",
        "sweeps",
        "cluster",
        "db",
        "stages",
    ],
}

# Libraries that one folder each hides from the rest: pattern of the header's
# name, and the folders that may include it.
FENCES = [
    (r"yaml-cpp/", ["sweeps"]),
    (r"sqlite3(ext)?\.h$", ["db"]),
    (r"(mpi|mpi-ext|nccl)\.h$", ["cluster"]),
    (r"(torch|ATen|c10|caffe2|openvino)/", ["stages"]),
    (r"dcmtk/", ["stages/data/dicom"]),
    (r"CLI/", ["pipeline/cli"]),
    (r"curl/", ["pipeline/cli/machine/fetch"]),
    (r"spdlog/", ["pipeline/base"]),
    (r"boost/", ["stages/metric"]),
]

# Tests of one folder mirror it; these join everything.
TESTS_OF_ALL = ("e2e", "mpi", "fault", "parity", "bench", "conformance",
                "fakes", "fuzz", "golden", "slurm")

HEADER_LINES = 150
SOURCE_LINES = 500

TOP_LEVEL = {
    "folders": {".ci", ".github", "cluster", "cmake", "db", "pipeline",
                "stages", "sweeps", "tests"},
    "required": {"cluster", "cmake", "db", "pipeline", "stages", "sweeps",
                 "tests", "README.md", "LICENSE", "CMakeLists.txt", "besom"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')

# Spelled in two parts so that this file does not break its own rule.
FORBIDDEN = [
    (re.compile(pattern), what)
    for pattern, what in [
        (r"(?<![\w.$}/-])/(work|ro" + r"ot)/", "a machine's path"),
        (r"(pypi" + r"\.org|pythonhosted" + r"\.org|deb\.debian" + r"\.org)",
         "the host of a package registry"),
        (r"\.\./shared" + r"/design", "a path outside of the product"),
        (r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", "an unfinished thought"),
    ]
]


def tracked_files(root):
    """Files that git knows or would add; all of them outside of git."""
    run = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"],
        capture_output=True,
    )
    if run.returncode == 0:
        names = run.stdout.decode().split("\0")
        files = [root / name for name in names if name]
    else:
        files = list(root.rglob("*"))
    return sorted(path for path in files if path.is_file())


def files_ending(root, *endings):
    return [path for path in tracked_files(root) if path.suffix in endings]


def text_of(path):
    return path.read_text(encoding="utf-8")


def includes_of(path):
    """Yields (line number, header) of each #include."""
    for number, line in enumerate(text_of(path).splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def folder_of(relative):
    """The layer that a path lies in, or None."""
    for folder in MAY_INCLUDE:
        if relative.startswith(folder + "/"):
            return folder
    return None


def allowed(header, folder):
    return any(
        header == entry or header.startswith(entry + "/")
        for entry in [folder] + MAY_INCLUDE[folder]
    )


def layer_violations(root):
    """Folders include only what is below them."""
    found = []
    for path in files_ending(root, ".h", ".cc", ".cu"):
        relative = path.relative_to(root).as_posix()
        folder = folder_of(relative)
        if folder is None:
            continue
        for number, header in includes_of(path):
            ours = folder_of(header) or header.startswith("tests/")
            if ours and not allowed(header, folder):
                found.append(
                    f"{relative}:{number}: {folder} may not include {header}")
    return found


def fence_violations(root):
    """Each fenced library is included in its own folder only."""
    found = []
    for path in files_ending(root, ".h", ".cc", ".cu"):
        relative = path.relative_to(root).as_posix()
        place = relative
        if relative.startswith("tests/"):
            place = relative[len("tests/"):]
            if place.split("/")[0] in TESTS_OF_ALL:
                continue
        for number, header in includes_of(path):
            for pattern, folders in FENCES:
                if re.match(pattern, header) and not any(
                    place.startswith(folder + "/") for folder in folders
                ):
                    found.append(f"{relative}:{number}: {header} belongs into "
                                 f"{' and '.join(folders)} only")
    return found


def length_violations(root):
    """Headers and sources stay short enough to be read at once."""
    found = []
    for path in files_ending(root, ".h", ".cc", ".cu"):
        limit = HEADER_LINES if path.suffix == ".h" else SOURCE_LINES
        lines = len(text_of(path).splitlines())
        if lines > limit:
            found.append(f"{path.relative_to(root)}: {lines} lines, more than "
                         f"{limit}")
    return found


def guard_violations(root):
    return [
        f"{path.relative_to(root)}: no #pragma once"
        for path in files_ending(root, ".h")
        if "#pragma once" not in text_of(path)
    ]


def forbidden_words(root):
    """Nothing in the tree names the machine that it was written on."""
    found = []
    for path in tracked_files(root):
        try:
            lines = text_of(path).splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            for pattern, what in FORBIDDEN:
                match = pattern.search(line)
                if match:
                    found.append(f"{path.relative_to(root)}:{number}: {what}: "
                                 f"{match.group(0)}")
    return found


def words_of_cmake(root):
    """Paths of files that some CMakeLists.txt or .cmake file names."""
    named = set()
    for path in tracked_files(root):
        if path.name != "CMakeLists.txt" and path.suffix != ".cmake":
            continue
        text = re.sub(r"#.*", "", text_of(path))
        for word in re.findall(r"[^\s()\"]+", text):
            word = re.sub(
                r"\$\{(CMAKE_SOURCE_DIR|PROJECT_SOURCE_DIR)\}/?",
                str(root) + "/", word)
            word = word.replace("${CMAKE_CURRENT_SOURCE_DIR}/", "")
            named.add((path.parent / word).resolve())
    return named


def unnamed_scripts(root):
    """A test script that no CMakeLists.txt names is a test that never runs.

    The name may stand there without its ending, as in a foreach.
    """
    named = words_of_cmake(root)
    return [
        f"{path.relative_to(root)}: no CMakeLists.txt names it"
        for path in files_ending(root, ".py", ".sh")
        if re.search(r"^test_|_(test|parity)$", path.stem)
        and not named & {path.resolve(), path.with_suffix("").resolve()}
    ]


def uncompiled_files(root, build):
    """Every source, so every *_test.cc, is compiled in the full build."""
    entries = json.loads((build / "compile_commands.json").read_text())
    compiled = {pathlib.Path(entry["file"]).resolve() for entry in entries}
    return [
        f"{path.relative_to(root)}: no target of the full build compiles it"
        for path in files_ending(root, ".cc")
        if path.resolve() not in compiled
    ]


def top_level_violations(root):
    """The top holds the folders of the architecture and nothing else."""
    names = {
        path.relative_to(root).parts[0]
        for path in tracked_files(root)
        if len(path.relative_to(root).parts) > 1
    }
    found = [
        f"{name}: not a folder of the architecture"
        for name in sorted(names - TOP_LEVEL["folders"])
    ]
    return found + [
        f"{name}: missing at the top"
        for name in sorted(TOP_LEVEL["required"])
        if not (root / name).exists()
    ]


def readme_violations(root):
    """The README begins with what a user types."""
    readme = root / "README.md"
    if not readme.exists():
        return []  # top_level_violations says so.
    text = text_of(readme)
    return [
        f"README.md: does not name `{command}`"
        for command in ("./besom demo", "./besom test")
        if command not in text
    ]


def shell_files(root):
    return [
        path
        for path in tracked_files(root)
        if path.suffix == ".sh"
        or (path.suffix == "" and text_of_start(path).startswith("#!"))
    ]


def text_of_start(path):
    with open(path, "rb") as file:
        return file.read(80).decode("utf-8", "replace")


def shell_violations(root):
    """Every shell script parses."""
    found = []
    for path in shell_files(root):
        if "sh" not in text_of_start(path).splitlines()[0] and (
            path.suffix != ".sh"
        ):
            continue
        run = subprocess.run(
            ["bash", "-n", str(path)], capture_output=True, text=True)
        if run.returncode != 0:
            found.append(f"{path.relative_to(root)}: {run.stderr.strip()}")
    return found


def python_violations(root):
    """Every Python file parses."""
    found = []
    for path in files_ending(root, ".py"):
        try:
            ast.parse(text_of(path), str(path))
        except SyntaxError as error:
            found.append(
                f"{path.relative_to(root)}:{error.lineno}: {error.msg}")
    return found


RULES = [
    layer_violations,
    fence_violations,
    length_violations,
    guard_violations,
    forbidden_words,
    unnamed_scripts,
    top_level_violations,
    readme_violations,
    shell_violations,
    python_violations,
]
