"""`sobolev`, as people and scripts run it."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

CLI = pathlib.Path(os.environ.get("SOBOLEV_BUILD_DIR", "build/release")) / "client/cli/sobolev"
SECONDS = 300


class Cli:
    """Runs `sobolev` against one server."""

    def __init__(self, target: str, directory: pathlib.Path) -> None:
        self.environment = {**os.environ, "SOBOLEV_SERVER": target}
        self.directory = directory

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The finished process."""
        return subprocess.run(
            [str(CLI.resolve()), *arguments],
            input=stdin,
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def ok(self, *arguments: str, stdin: str = "") -> str:
        """What it prints when it succeeds, as it must."""
        result = self.run(*arguments, stdin=stdin)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def json(self, *arguments: str, stdin: str = "") -> dict:
        return json.loads(self.ok("--json", *arguments, stdin=stdin))
