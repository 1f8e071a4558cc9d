#!/usr/bin/env python3
"""Checks that every test which the documents name exists, once.

    doc_tests.py [ROOT]

Looked at in each .md file: words in `code` that are names of tests, `test_...` of Python and
`SuiteTest.Name` of C++, which must be below tests/.
"""

import collections
import pathlib
import re
import sys

NAME = re.compile(r"`(test_\w+|\w+Test\.\w+)`")
PYTHON = re.compile(r"^ *def (test_\w+)\(", re.MULTILINE)
CPP = re.compile(r"^(?:TYPED_)?TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)


def tests_below(folder: pathlib.Path) -> collections.Counter[str]:
    """How often there is a test of each name."""
    found: collections.Counter[str] = collections.Counter()
    for path in folder.rglob("*.py"):
        found.update(set(PYTHON.findall(path.read_text())))
    for path in folder.rglob("*_test.cc"):
        found.update(f"{suite}.{name}" for suite, name in CPP.findall(path.read_text()))
    return found


def check(root: pathlib.Path) -> list[str]:
    """All faults under `root`, as "document: what"."""
    tests = tests_below(root / "tests")
    faults = []
    for document in sorted(root.rglob("*.md")):
        name = document.relative_to(root)
        if name.parts[0] == "build":
            continue
        for test in NAME.findall(document.read_text()):
            if tests[test] == 0:
                faults.append(f"{name}: names {test}, which is no test")
            elif tests[test] > 1:
                faults.append(f"{name}: names {test}, of which there are {tests[test]}")
    return faults


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    found = check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here)
    print("\n".join(found) or "Every test in the documents exists.")
    sys.exit(bool(found))
