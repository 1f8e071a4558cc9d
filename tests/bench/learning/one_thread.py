"""Libraries ask the environment for the number of their threads while they are loaded."""

from __future__ import annotations

import os
import sys

SETTINGS = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENTURNS_NUM_THREADS",
    )
}


def ensure():
    """Starts this script again, unless it was told to use one thread."""
    if not SETTINGS.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **SETTINGS})
