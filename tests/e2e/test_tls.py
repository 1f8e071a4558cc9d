"""TLS and mutual TLS as callers meet them, with certificates of our own."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time

import numpy as np
import pytest
from certificates import Authority, serial
from command_line import CLI, Cli

import sobolev

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")

RELOAD_SECONDS = 30


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ours")


@pytest.fixture
def other(tmp_path):
    return Authority(tmp_path / "other")


@pytest.fixture
def make_tls(make_server, authority):
    """Makes and starts a server with a certificate of `authority`; takes more flags."""

    def make(*flags):
        cert, key = authority.sign("server")
        server = make_server(
            *("--tls-cert", str(cert), "--tls-key", str(key), "--reload-seconds", "1", *flags)
        )
        return server.start()

    return make


def is_reached(server, **security):
    """Whether a client with these options gets an answer."""
    with sobolev.Client(server.grpc, timeout=2, **security) as client:
        try:
            client.datasets()
        except (sobolev.UnavailableError, sobolev.DeadlineExceededError):
            return False
    return True


def handshake(server, version=None):
    """What a bare TLS client sees: the server's certificate as PEM."""
    host, port = server.grpc.rsplit(":", 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if version is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection((host, int(port)), timeout=10) as bare,
        context.wrap_socket(bare) as wrapped,
    ):
        return ssl.DER_cert_to_PEM_cert(wrapped.getpeercert(binary_form=True))


def test_data_goes_up_and_predictions_come_down_encrypted(make_tls, authority):
    server = make_tls()
    with sobolev.Client(server.grpc, ca=authority.ca) as client:
        client.create_dataset("d", ["a"], ["u"]).append([0.0, 0.5, 1.0], [0.0, 0.25, 1.0])
        model = client.train(dataset="d", model="m", hidden=[4], epochs=2).wait(progress=False)
        assert np.isfinite(model.predict([0.5])).all()
    assert '"encryption":"TLS"' in server.log()


def test_a_caller_that_trusts_another_authority_ends_the_handshake(make_tls, authority, other):
    server = make_tls()
    assert is_reached(server, ca=authority.ca)
    assert not is_reached(server, ca=other.ca)


def test_a_plaintext_caller_gets_nothing(make_tls, authority):
    server = make_tls()
    assert not is_reached(server)
    assert is_reached(server, ca=authority.ca)


def test_a_certificate_for_another_host_is_refused_by_the_client(make_server, authority):
    cert, key = authority.sign("elsewhere", hosts="DNS:example.org")
    server = make_server("--tls-cert", str(cert), "--tls-key", str(key)).start()
    assert not is_reached(server, ca=authority.ca)


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
def test_tls_is_1_2_or_newer(make_tls, version, taken):
    server = make_tls()
    if taken:
        assert "BEGIN CERTIFICATE" in handshake(server, version)
    else:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(server, version)


def test_mutual_tls_takes_only_callers_whose_certificate_our_authority_signed(
    make_tls, authority, other
):
    server = make_tls("--tls-client-ca", str(authority.ca))
    cert, key = authority.sign("caller")
    wrong_cert, wrong_key = other.sign("caller")
    assert is_reached(server, ca=authority.ca, cert=cert, key=key)
    assert not is_reached(server, ca=authority.ca)
    assert not is_reached(server, ca=authority.ca, cert=wrong_cert, key=wrong_key)
    assert '"encryption":"mutual TLS"' in server.log()


def test_an_expired_caller_is_refused(make_tls, authority):
    server = make_tls("--tls-client-ca", str(authority.ca))
    cert, key = authority.sign("late", days=-1)
    assert not is_reached(server, ca=authority.ca, cert=cert, key=key)


def test_a_renewed_certificate_is_used_without_a_restart(make_tls, authority):
    server = make_tls()
    before = serial(handshake(server))
    with sobolev.Client(server.grpc, ca=authority.ca) as client:
        assert client.datasets() == []
        cert, _ = authority.sign("server")
        renewed = serial(cert.read_text())
        assert renewed != before
        deadline = time.monotonic() + RELOAD_SECONDS
        while serial(handshake(server)) != renewed:
            assert time.monotonic() < deadline, server.log()
            time.sleep(0.2)
        assert client.datasets() == []  # Over the connection of before.
    assert is_reached(server, ca=authority.ca)


def test_the_authority_of_callers_is_reloaded_too(make_tls, authority, other, tmp_path):
    trusted = tmp_path / "trusted.pem"
    shutil.copy(authority.ca, trusted)
    server = make_tls("--tls-client-ca", str(trusted))
    cert, key = other.sign("caller")
    assert not is_reached(server, ca=authority.ca, cert=cert, key=key)
    both = authority.ca.read_text() + other.ca.read_text()
    (tmp_path / "new.pem").write_text(both)
    (tmp_path / "new.pem").rename(trusted)
    deadline = time.monotonic() + RELOAD_SECONDS
    while not is_reached(server, ca=authority.ca, cert=cert, key=key):
        assert time.monotonic() < deadline, server.log()


@pytest.mark.parametrize("wrong", ["missing", "not PEM", "another key"])
def test_bad_files_stop_the_start_with_a_sentence(make_server, authority, tmp_path, wrong):
    cert, key = authority.sign("server")
    if wrong == "missing":
        key = tmp_path / "none.key"
        says = f"tls-key: cannot read '{key}'"
    elif wrong == "not PEM":
        cert = tmp_path / "empty.pem"
        cert.write_text("no certificate")
        says = f"tls-cert: no PEM certificate in '{cert}'"
    else:
        _, key = authority.sign("another")
        says = "belongs to another key"
    server = make_server("--tls-cert", str(cert), "--tls-key", str(key))
    assert server.launch().wait(60) == 1
    assert says in server.log()


def test_the_command_line_client_speaks_mutual_tls(make_tls, authority, tmp_path):
    server = make_tls("--tls-client-ca", str(authority.ca))
    cert, key = authority.sign("caller")
    cli = Cli(server.grpc, tmp_path)
    files = ("--ca", str(authority.ca), "--cert", str(cert), "--key", str(key))
    assert cli.ok(*files, "health").strip() == "SERVING"
    assert cli.run("--ca", str(authority.ca), "health").returncode == 3
    cli.environment.update(
        SOBOLEV_CA=str(authority.ca), SOBOLEV_CERT=str(cert), SOBOLEV_KEY=str(key)
    )
    assert cli.ok("health").strip() == "SERVING"
    alone = subprocess.run(
        [str(CLI.resolve()), "--cert", str(cert), "health"], capture_output=True, text=True
    )
    assert alone.returncode == 2
    assert "--key" in alone.stderr


def test_a_certificate_stands_for_its_owner(make_tls, authority, tokens):
    worker, key = authority.sign("worker", hosts="URI:spiffe://acme.example/w,DNS:w.acme.example")
    unnamed, unnamed_key = authority.sign("unnamed")
    tokens.add_certificate("spiffe://acme.example/w", "writer", "acme", principal="w")
    viewer, other_tenants = tokens.add("viewer", "acme"), tokens.add("writer", "other")
    audit = tokens.path.with_name("audit")
    server = make_tls(
        *("--tls-client-ca", str(authority.ca), "--auth-tokens", str(tokens.path)),
        *("--audit-log", str(audit)),
    )

    def client(cert, key, token=None):
        return sobolev.Client(
            server.grpc, timeout=20, ca=authority.ca, cert=cert, key=key, token=token
        )

    with client(worker, key) as machine:
        machine.create_dataset("d", ["a"], ["u"])
        assert [d.name for d in machine.datasets()] == ["datasets/d"]
    assert '"principal":"w","tenant":"acme"' in audit.read_text()
    # A token says more than the certificate with which it comes.
    with client(worker, key, viewer) as person:
        assert [d.name for d in person.datasets()] == ["datasets/d"]
        with pytest.raises(sobolev.SobolevError, match="the role viewer may not call"):
            person.create_dataset("e", ["a"], ["u"])
    with client(worker, key, other_tenants) as person:
        assert person.datasets() == []
    with (
        client(worker, key, "sbv_wrong") as person,
        pytest.raises(sobolev.SobolevError, match="does not know this token"),
    ):
        person.datasets()
    # Our authority vouches for it, and yet nobody said what it may do.
    with (
        client(unnamed, unnamed_key) as nobody,
        pytest.raises(sobolev.SobolevError, match="does not know the names in this certificate"),
    ):
        nobody.datasets()
    with client(unnamed, unnamed_key, viewer) as person:
        assert [d.name for d in person.datasets()] == ["datasets/d"]


def test_a_certificate_that_nobody_checked_is_nobody(make_tls, authority, tokens):
    cert, key = authority.sign("worker", hosts="URI:spiffe://acme.example/w")
    tokens.add_certificate("spiffe://acme.example/w", "writer")
    server = make_tls("--auth-tokens", str(tokens.path))
    with (
        sobolev.Client(server.grpc, timeout=20, ca=authority.ca, cert=cert, key=key) as client,
        pytest.raises(sobolev.SobolevError, match="expected a token"),
    ):
        client.datasets()
