#!/usr/bin/env python3
"""Checks that every file and folder that the documents name exists.

    doc_paths.py [ROOT]

Looked at in each .md file: targets of links, and words in `code` that start with a folder of the
root or of the document. What the build makes (build/...) and addresses are skipped; * is a wildcard.
"""

import pathlib
import re
import sys

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
WORD = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
SKIPPED_FOLDERS = {".git", ".pytest_cache", "build", "node_modules"}


def exists(name: str, bases: list[pathlib.Path]) -> bool:
    """Whether `name`, perhaps with wildcards, is there below one of `bases`."""
    name = name.rstrip("/.")
    return any(any(base.glob(name)) if "*" in name else (base / name).exists() for base in bases)


def named_paths(text: str, bases: list[pathlib.Path]) -> list[str]:
    """The words of a document that are meant as paths."""
    links = [link.split("#")[0] for link in LINK.findall(text) if "://" not in link]
    words = []
    for code in CODE.findall(text):
        for part in re.split(r"[\s`'\"=(),:;]+", code):
            part = part.removeprefix("./")
            if not WORD.fullmatch(part) or "/" not in part:
                continue
            top = part.split("/")[0]
            if top not in SKIPPED_FOLDERS and any((base / top).is_dir() for base in bases):
                words.append(part)
    return [path for path in links + words if path]


def check(root: pathlib.Path) -> list[str]:
    """All faults under `root`, as "document: what"."""
    faults = []
    for document in sorted(root.rglob("*.md")):
        name = document.relative_to(root)
        if SKIPPED_FOLDERS & set(name.parts):
            continue
        bases = [root, document.parent]
        for path in named_paths(document.read_text(), bases):
            if not exists(path, bases):
                faults.append(f"{name}: names {path}, which does not exist")
    return faults


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    found = check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here)
    print("\n".join(found) or "Every path in the documents exists.")
    sys.exit(bool(found))
