"""Holds the tree to its rules: check_tree.py ROOT [BUILD].

BUILD is the folder of a full build; with it, every source must be compiled.
"""

import pathlib
import sys

import tree_rules


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    found = [line for rule in tree_rules.RULES for line in rule(root)]
    if len(sys.argv) > 2:
        found += tree_rules.uncompiled_files(root, pathlib.Path(sys.argv[2]))
    for line in found:
        print(line)
    print(f"{len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
