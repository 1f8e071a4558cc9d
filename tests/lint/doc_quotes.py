#!/usr/bin/env python3
"""Checks that code which a document quotes stands in the file that it names.

    doc_quotes.py [ROOT]

A quotation is a fenced block below a comment <!-- quoted from FILE ... -->. Its lines must follow each
other in FILE just so, but for indentation of the whole and empty lines at its ends.
"""

import pathlib
import re
import sys
import textwrap

QUOTATION = re.compile(r"<!-- quoted from ([^\s,>]+)[^>]*-->\s*```\w*\n(.*?)```", re.DOTALL)


def holds(text: str, quoted: str) -> bool:
    """Whether the lines of `quoted` stand in `text`, perhaps deeper."""
    wanted = textwrap.dedent(quoted).strip("\n").splitlines()
    lines = text.splitlines()
    windows = ("\n".join(lines[i : i + len(wanted)]) for i in range(len(lines)))
    return any(textwrap.dedent(window).splitlines() == wanted for window in windows)


def check(root: pathlib.Path) -> list[str]:
    """All faults under `root`, as "document: what"."""
    faults = []
    for document in sorted(root.rglob("*.md")):
        name = document.relative_to(root)
        if name.parts[0] == "build":
            continue
        for source, quoted in QUOTATION.findall(document.read_text()):
            if not (root / source).is_file():
                faults.append(f"{name}: quotes {source}, which does not exist")
            elif not quoted.strip():
                faults.append(f"{name}: quotes nothing from {source}")
            elif not holds((root / source).read_text(), quoted):
                faults.append(f"{name}: what it quotes from {source} does not stand there")
    return faults


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    found = check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here)
    print("\n".join(found) or "Every quotation is verbatim.")
    sys.exit(bool(found))
