"""Certificate authorities for tests, and what they sign."""

from __future__ import annotations

import pathlib
import subprocess


def _openssl(*arguments: str) -> str:
    return subprocess.run(
        ["openssl", *arguments], check=True, capture_output=True, text=True, timeout=60
    ).stdout


class Authority:
    """A root certificate in `directory`, of which tests may trust `ca`."""

    def __init__(self, directory: pathlib.Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.ca = directory / "ca.pem"
        self._key = directory / "ca.key"
        _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(self._key), "-out", str(self.ca)),
            *("-days", "2", "-subj", f"/CN={directory.name}"),
        )

    def sign(
        self, name: str, hosts: str = "DNS:localhost,IP:127.0.0.1", days: int = 1
    ) -> tuple[pathlib.Path, pathlib.Path]:
        """Files with a certificate for these hosts and its key; a second call renews them."""
        cert, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        new_cert, new_key = cert.with_suffix(".pem.new"), key.with_suffix(".key.new")
        extensions.write_text(f"subjectAltName={hosts}\n")
        _openssl(
            *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(new_key), "-out", str(request), "-subj", f"/CN={name}"),
        )
        _openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.ca), "-CAkey", str(self._key)),
            *("-CAcreateserial", "-out", str(new_cert), "-days", str(days)),
            *("-extfile", str(extensions)),
        )
        new_key.rename(key)
        new_cert.rename(cert)
        return cert, key


def serial(cert_text: str) -> str:
    """The serial number of a PEM certificate."""
    return subprocess.run(
        ["openssl", "x509", "-noout", "-serial"],
        input=cert_text,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.strip()
