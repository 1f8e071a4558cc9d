#!/usr/bin/env python3
"""Checks that every #include points the way the design's arrows do.

    include_boundaries.py [ROOT]

The linker does not enforce this: the distribution's headers sit in one include path.
"""

import pathlib
import re
import sys

# Which of our folders a folder may include, besides itself. The longest matching key decides.
OURS = {
    "engine/base": [],
    "engine/ad": ["engine/base"],
    "engine/program": ["engine/base", "engine/ad"],
    "engine/dense": ["engine/base"],
    "engine/surrogate": ["engine/base"],
    "engine/nn": ["engine/base", "engine/dense", "engine/surrogate"],
    "engine/regression": ["engine/base", "engine/dense", "engine/surrogate"],
    "engine/chain": ["engine/ad", "engine/base", "engine/nn", "engine/program", "engine/surrogate"],
    "engine/bounds": [
        "engine/ad",
        "engine/base",
        "engine/chain",
        "engine/dense",
        "engine/nn",
        "engine/program",
        "engine/regression",
        "engine/surrogate",
    ],
    "engine/prune": [
        "engine/ad",
        "engine/base",
        "engine/dense",
        "engine/nn",
        "engine/program",
        "engine/surrogate",
    ],
    "engine/train": [
        "engine/base",
        "engine/chain",
        "engine/dense",
        "engine/nn",
        "engine/regression",
        "engine/sampling",
        "engine/surrogate",
    ],
    "engine/sampling": [
        "engine/base",
        "engine/program",
        "engine/regression",
        "engine/surrogate",
    ],
    "proto": [],
    "server": ["engine", "proto", "server"],
    "server/base": ["engine/base"],
    "server/storage": ["engine/base", "engine/train", "proto/wire", "server/base"],
    "server/metrics": [],
    "server/http": ["engine/base"],
    "client": ["client", "proto"],
    "client/cli": [
        "client",
        "engine/ad",
        "engine/base",
        "engine/chain",
        "engine/program",
        "engine/sampling",
        "proto",
    ],
    "tests": ["engine", "proto", "server", "client", "tests"],
}

# Where a library may be included. The first match decides; libraries not named here are free outside
# the engine.
LIBRARIES = [
    (r"prometheus/", ["server/metrics"]),
    (r"sqlite3\.h", ["server/storage", "tests"]),
    (r"httplib\.h", ["server/http", "tests"]),
    (r"spdlog/", ["server/base"]),
    (r"CLI/", ["server/base", "client/cli", "client/examples", "tests/client/cli"]),
    (r"nlohmann/", ["server/auth", "server/base", "server/gateway", "client", "tests"]),
    (r"Eigen/", ["engine", "server", "client", "tests"]),
    (r"tao/pegtl", ["engine/program/language"]),
    (r"sys/mman\.h", ["engine/program", "server", "tests"]),  # Memory for machine code.
    (r"oneapi/tbb", ["engine", "server", "tests"]),
    (r"grpcpp/|grpc/|google/|absl/", ["proto", "server", "client", "tests"]),
    (r"(gtest|gmock|benchmark)/", ["tests"]),
    (r"sobolev/", ["client", "tests"]),  # The public headers of the C++ client.
]

# All that the engine may take from outside, besides the C++ standard library.
ENGINE_OUTSIDE = re.compile(
    r"Eigen/|oneapi/tbb|tao/pegtl|sys/mman\.h|\w*intrin\.h|cpuid\.h|std(def|int)\.h"
)

TOPS = ["engine", "server", "client", "proto", "tests"]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def is_in(path: str, folders: list[str]) -> bool:
    """Whether `path` is one of the folders or inside one."""
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def rule_for(folder: str) -> str | None:
    """The key of OURS that governs `folder`."""
    keys = [key for key in OURS if is_in(folder, [key])]
    return max(keys, key=len, default=None)


def fault(folder: str, target: str) -> str | None:
    """What is wrong with a file in `folder` including `target`, if anything."""
    if is_in(target, TOPS):
        rule = rule_for(folder)
        if rule is None:
            return f"tests/lint/include_boundaries.py has no rule for {folder}"
        allowed = OURS[rule]
        if not is_in(target, [rule, *allowed]):
            return f"{rule} may include {', '.join(allowed) or 'nothing of ours'}, not {target}"
        return None
    for pattern, folders in LIBRARIES:
        if re.match(pattern, target) and not is_in(folder, folders):
            return f"<{target}> belongs in {', '.join(folders)}"
    is_standard = re.fullmatch(r"\w+", target)
    if is_in(folder, ["engine"]) and not is_standard and not ENGINE_OUTSIDE.match(target):
        return f"the engine takes only the C++ standard library, Eigen and oneTBB, not <{target}>"
    return None


def check(root: pathlib.Path) -> list[str]:
    """All faults under `root`, as "file:line: what"."""
    faults = []
    for top in TOPS:
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            name = path.relative_to(root)
            for number, line in enumerate(path.read_text().splitlines(), start=1):
                match = INCLUDE.match(line)
                if match is None:
                    continue
                what = fault(name.parent.as_posix(), match[1])
                if what is not None:
                    faults.append(f"{name}:{number}: {what}")
    return faults


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    found = check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here)
    print("\n".join(found) or "Every include points the right way.")
    sys.exit(bool(found))
