#!/usr/bin/env python3
"""Runs clang-tidy over our own sources, one process per processor.

    tidy.py BUILD_DIRECTORY [REGEX] [--last COMMITS]

The build directory must have been built: ninja's record of headers tells which files are as they
were when clang-tidy last found nothing, and those are skipped. REGEX selects files; --last selects
those that so many commits touched, or the header of the same name, because all of them take an
hour.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = [ROOT / top for top in ("engine", "server", "client", "tests")]


def is_ours(path: pathlib.Path) -> bool:
    """Whether we wrote this file."""
    return any(top in path.parents for top in OURS)


def headers_by_object(build: pathlib.Path) -> dict[str, list[pathlib.Path]]:
    """Which of our headers each object file was built from."""
    listing = subprocess.run(
        ["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, check=True
    ).stdout
    headers: dict[str, list[pathlib.Path]] = {}
    current: list[pathlib.Path] = []
    for line in listing.splitlines():
        if line.startswith("    "):
            path = (build / line.strip()).resolve()
            if is_ours(path) or build in path.parents:
                current.append(path)
        elif ": #deps" in line:
            current = headers.setdefault(line.split(": #deps")[0], [])
    return headers


def configurations(source: pathlib.Path) -> list[pathlib.Path]:
    """The files of settings that hold for this source, the general ones first."""
    inside = [folder for folder in reversed(source.parents) if ROOT in [folder, *folder.parents]]
    return [folder / ".clang-tidy" for folder in inside if (folder / ".clang-tidy").exists()]


def fingerprint(command: dict[str, str], inputs: list[pathlib.Path]) -> str:
    """A hash of all that the outcome depends on, but for the machine's own headers."""
    digest = hashlib.sha256(command["command"].encode())
    for path in inputs:
        digest.update(path.read_bytes() if path.exists() else b"gone")
    return digest.hexdigest()


def tidy(build: pathlib.Path, source: pathlib.Path) -> str:
    """What clang-tidy says about one file; empty if nothing."""
    result = subprocess.run(
        ["clang-tidy", "--quiet", "-p", build, source], capture_output=True, text=True, check=False
    )
    return result.stdout + result.stderr if result.returncode != 0 else ""


def touched_by(commits: int) -> set[pathlib.Path]:
    """What the last so many commits touched, without the ends of the names."""
    listing = subprocess.run(
        ["git", "log", f"-{commits}", "--name-only", "--pretty=format:"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    return {(ROOT / line).with_suffix("") for line in listing.splitlines() if line}


def main() -> int:
    """Checks all files; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("wanted", nargs="?", type=re.compile, default=re.compile(""))
    parser.add_argument("--last", type=int)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    touched = touched_by(arguments.last) if arguments.last else None
    clean = build / "tidy-clean"
    clean.mkdir(exist_ok=True)
    headers = headers_by_object(build)
    stale = {}
    for command in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(command["file"])
        if touched is not None and source.with_suffix("") not in touched:
            continue
        if is_ours(source) and build not in source.parents and arguments.wanted.search(str(source)):
            output = command.get("output") or command["command"].split(" -o ")[1].split()[0]
            inputs = [*configurations(source), source, *headers.get(output, [])]
            stamp = clean / fingerprint(command, inputs)
            if not stamp.exists():
                stale[source] = stamp
    print(f"clang-tidy: {len(stale)} files to check", flush=True)
    faults = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {pool.submit(tidy, build, source): source for source in sorted(stale)}
        for done in concurrent.futures.as_completed(running):
            source = running[done]
            if done.result():
                faults += 1
                print(f"-- {source.relative_to(ROOT)}\n{done.result()}", flush=True)
            else:
                stale[source].touch()
    print(f"clang-tidy: {faults} files with findings")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
