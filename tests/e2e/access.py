"""Tokens that servers under test know, and what servers tell of themselves."""

from __future__ import annotations

import hashlib
import json
import urllib.request


class Tokens:
    """A file of tokens."""

    def __init__(self, path):
        self.path = path
        self.lines = []
        self.path.write_text("")

    def add(self, role, tenant="", principal=None, expires=None):
        """A new token, which is called after what it may do."""
        token = f"sbv_{role}-{tenant}-{len(self.lines)}"
        line = {
            "sha256": hashlib.sha256(token.encode()).hexdigest(),
            "principal": principal or f"p{len(self.lines)}",
            "tenant": tenant,
            "role": role,
        }
        if expires is not None:
            line["expires"] = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.lines.append(line)
        self.write()
        return token

    def write(self):
        new = self.path.with_suffix(".new")
        new.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        new.rename(self.path)

    def add_certificate(self, name, role, tenant="", principal="machine"):
        """A certificate that has this name stands for a caller."""
        line = {"certificate": name, "principal": principal, "tenant": tenant, "role": role}
        self.lines.append(line)
        self.write()


def metrics(server):
    with urllib.request.urlopen(f"http://{server.metrics}/metrics", timeout=20) as reply:
        return reply.read().decode()
