"""Each rule finds what is planted for it, and nothing in a good tree."""

import pathlib
import tempfile
import unittest

import tree_rules


class TreeRulesTest(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.root = pathlib.Path(self._folder.name).resolve()

    def put(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def assert_found(self, rule, *beginnings):
        """The rule finds exactly lines that begin so."""
        found = sorted(rule(self.root))
        self.assertEqual(len(found), len(beginnings), found)
        for line, beginning in zip(found, sorted(beginnings)):
            self.assertTrue(line.startswith(beginning), line)

    def test_layers(self):
        self.put("pipeline/base/a.h", '#include "pipeline/base/b.h"\n')
        self.put("pipeline/run/a.cc", '#include "stages/stage.h"\n')
        self.put("stages/good.cc", '#include "pipeline/store/artifact.h"\n')
        self.put("stages/bad.cc",
                 '#pragma once\n  # include "db/results_store.h"\n')
        self.put("stages/store.cc", '#include "pipeline/store/blobs.h"\n')
        self.put("pipeline/base/up.h", '#include "tests/x.h"\n')
        self.assert_found(
            tree_rules.layer_violations, "stages/bad.cc:2:",
            "stages/store.cc:1:", "pipeline/base/up.h:1:")

    def test_every_layer_is_below_those_that_include_it(self):
        order = list(tree_rules.MAY_INCLUDE)
        for folder, below in tree_rules.MAY_INCLUDE.items():
            for entry in below:
                layer = entry if entry in order else tree_rules.folder_of(entry)
                self.assertLess(order.index(layer), order.index(folder))

    def test_fences(self):
        fenced = {
            "yaml-cpp/yaml.h": "sweeps",
            "sqlite3.h": "db",
            "mpi.h": "cluster",
            "nccl.h": "cluster",
            "torch/torch.h": "stages/model",
            "openvino/openvino.hpp": "stages/model",
        }
        for header, folder in fenced.items():
            name = header.split("/")[0].split(".")[0]
            self.put(f"{folder}/{name}.cc", f"#include <{header}>\n")
            self.put(f"tests/{folder}/{name}_test.cc", f"#include <{header}>\n")
            self.put(f"tests/mpi/{name}_test.cc", f"#include <{header}>\n")
            self.put(f"pipeline/run/{name}.cc", f"\n#include <{header}>\n")
        self.assert_found(
            tree_rules.fence_violations,
            *(f"pipeline/run/{header.split('/')[0].split('.')[0]}.cc:2:"
              for header in fenced))

    def test_fence_of_a_test(self):
        self.put("tests/sweeps/a_test.cc", "#include <sqlite3.h>\n")
        self.assert_found(
            tree_rules.fence_violations, "tests/sweeps/a_test.cc:1:")

    def test_lengths(self):
        self.put("db/long.h", "\n" * 151)
        self.put("db/good.h", "\n" * 150)
        self.put("db/long.cc", "\n" * 501)
        self.put("db/good.cc", "\n" * 500)
        self.assert_found(
            tree_rules.length_violations, "db/long.cc: 501", "db/long.h: 151")

    def test_guards(self):
        self.put("db/good.h", "#pragma once\n")
        self.put("db/bad.h", "int x;\n")
        self.assert_found(tree_rules.guard_violations, "db/bad.h")

    def test_forbidden_words(self):
        self.put("db/a.cc", 'Open("/wo' + 'rk/main/x");\n')
        self.put("README.md", "see py" + "pi.org\n")
        self.put("db/b.cc", "// TO" + "DO: later\n")
        self.put("db/good.cc", '"net' + 'work/x" "$HOME/work/x"\n')
        self.assert_found(
            tree_rules.forbidden_words, "README.md:1:", "db/a.cc:1:",
            "db/b.cc:1:")

    def test_unnamed_scripts(self):
        self.put("tests/db/CMakeLists.txt",
                 "add_test(NAME a COMMAND python below/a_test.py)\n"
                 "# lost_test.py\n"
                 "foreach(name test_loop)\n"
                 "add_test(NAME p COMMAND python\n"
                 "  ${CMAKE_CURRENT_SOURCE_DIR}/rows_parity.py)\n"
                 "add_test(NAME q COMMAND bash\n"
                 '  "${PROJECT_SOURCE_DIR}/tests/e2e/run_test.sh")\n')
        for name in ("db/below/a_test.py", "db/rows_parity.py",
                     "e2e/run_test.sh", "db/lost_test.sh", "db/lost_test.py",
                     "db/tool.py", "db/test_loop.py"):
            self.put(f"tests/{name}", "\n")
        self.assert_found(tree_rules.unnamed_scripts, "tests/db/lost_test.py",
                          "tests/db/lost_test.sh")

    def test_uncompiled_files(self):
        self.put("db/a.cc", "\n")
        self.put("db/b.cc", "\n")
        self.put("build/compile_commands.json",
                 '[{"file": "%s"}]' % (self.root / "db/a.cc"))
        found = tree_rules.uncompiled_files(self.root, self.root / "build")
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].startswith("db/b.cc"))

    def test_top_level(self):
        for name in tree_rules.TOP_LEVEL["required"]:
            self.put(name if "." in name or name.isupper() or name == "besom"
                     else name + "/x", "\n")
        self.assert_found(tree_rules.top_level_violations)
        self.put("utils/x.h", "\n")
        (self.root / "besom").unlink()
        self.assert_found(
            tree_rules.top_level_violations, "utils:", "besom: missing")

    def test_readme(self):
        self.put("README.md", "./besom demo\n")
        self.assert_found(
            tree_rules.readme_violations, "README.md: does not name `./besom t")

    def test_scripts_parse(self):
        self.put("cmake/good.sh", "if true; then :; fi\n")
        self.put("cmake/bad.sh", "if true; then\n")
        self.put("besom", "#!/usr/bin/env bash\nfi\n")
        self.put("LICENSE", "fi\n")
        self.assert_found(
            tree_rules.shell_violations, "besom:", "cmake/bad.sh:")

    def test_python_parses(self):
        self.put("cmake/good.py", "x = 1\n")
        self.put("cmake/bad.py", "x = (\n")
        self.assert_found(tree_rules.python_violations, "cmake/bad.py:1:")


if __name__ == "__main__":
    unittest.main()
