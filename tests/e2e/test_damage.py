"""Damaged files are found, named and never served; a newer store is left alone."""

from __future__ import annotations

import pathlib
import sqlite3

import grpc
import numpy as np
import pytest

import sobolev

NUM_SAMPLES = 1000


def upload(client: sobolev.Client, name: str) -> sobolev.Dataset:
    x = np.random.default_rng(1).standard_normal((NUM_SAMPLES, 3))
    dataset = client.create_dataset(name, ["a", "b", "c"], ["u"])
    dataset.append(x, x.sum(axis=1), jacobian=np.ones((NUM_SAMPLES, 3)))
    return dataset


def segments(server) -> set[pathlib.Path]:
    return set((server.data_dir / "datasets").glob("**/*.seg"))


def flip_bit(path: pathlib.Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


def require_damaged(client: sobolev.Client, name: str) -> None:
    dataset = client.dataset(name)
    with pytest.raises(sobolev.DataLossError, match=name) as info:
        dataset.read()
    assert info.value.reason
    with pytest.raises(sobolev.DataLossError):
        client.train(dataset=name, epochs=1)
    assert dataset.refresh().state == "damaged"
    assert "block" in dataset.damage
    assert name in [listed.id for listed in client.datasets() if listed.state == "damaged"]


@pytest.mark.parametrize("while_running", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize("place", ["header", "payload", "last byte"])
def test_one_flipped_bit_is_found_and_other_datasets_are_served(make_server, while_running, place):
    server = make_server().start()
    with sobolev.Client(server.grpc) as client:
        upload(client, "whole")
        before = segments(server)
        upload(client, "flipped")
        (path,) = segments(server) - before
        payload = NUM_SAMPLES * (3 + 1 + 3) * 8
        offset = {"header": 20, "payload": 64 + payload // 2, "last byte": 64 + payload - 1}[place]
        if not while_running:
            assert server.terminate() == 0
        flip_bit(path, offset)
        if not while_running:
            server.start()
        require_damaged(client, "flipped")
        assert len(client.dataset("whole").read()) == NUM_SAMPLES
        model = client.train(dataset="whole", hidden=[4], epochs=1).wait(progress=False)
        assert np.isfinite(model.predict([[0.0, 0.0, 0.0]])).all()
        client.dataset("flipped").delete()
        assert [dataset.id for dataset in client.datasets()] == ["whole"]
    assert server.terminate() == 0


@pytest.mark.parametrize("change", ["truncated", "missing"])
def test_a_file_that_is_too_short_or_gone_is_found(make_server, change):
    server = make_server().start()
    with sobolev.Client(server.grpc) as client:
        upload(client, "whole")
        before = segments(server)
        upload(client, "broken")
        (path,) = segments(server) - before
        assert server.terminate() == 0
        if change == "missing":
            path.unlink()
        else:
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size // 2)
        server.start()
        with pytest.raises(sobolev.DataLossError, match="broken"):
            client.dataset("broken").read()
        assert client.dataset("broken").state == "damaged"
        assert len(client.dataset("whole").read()) == NUM_SAMPLES
    assert server.terminate() == 0


def test_damaged_weights_are_never_served(make_server):
    server = make_server().start()
    with sobolev.Client(server.grpc) as client:
        x = np.random.default_rng(2).standard_normal((100, 2))
        model = client.train(x, x, model="m", hidden=[8], epochs=1).wait(progress=False)
        assert server.terminate() == 0
        for path in (server.data_dir / "blobs").glob("**/*"):
            if path.is_file():
                flip_bit(path, path.stat().st_size // 2)
        server.start()
        with pytest.raises(sobolev.DataLossError):
            model.predict([[0.0, 0.0]])
        assert client.datasets()
    assert server.terminate() == 0


def test_a_store_of_a_newer_version_is_refused_and_left_alone(make_server):
    server = make_server().start()
    with sobolev.Client(server.grpc) as client:
        upload(client, "kept")
    assert server.terminate() == 0
    (metadata,) = server.data_dir.glob("*.sqlite")
    with sqlite3.connect(metadata) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute(f"PRAGMA user_version = {version + 1}")
    db.close()
    process = server.launch()
    assert process.wait(60) == 1
    assert "newer" in server.log()
    assert f"got {version + 1}" in server.log()
    with sqlite3.connect(metadata) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (version + 1,)
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    server.start()
    with sobolev.Client(server.grpc) as client:
        assert len(client.dataset("kept").read()) == NUM_SAMPLES


def test_a_second_server_on_the_same_directory_is_refused(make_server):
    first = make_server().start()
    second = make_server()
    second.data_dir = first.data_dir
    assert second.launch().wait(60) == 1
    assert "another" in second.log()
    with sobolev.Client(first.grpc) as client:
        assert client.datasets() == []


def test_metadata_that_is_no_database_is_refused(make_server):
    server = make_server()
    server.data_dir.mkdir()
    (server.data_dir / "metadata.sqlite").write_bytes(b"not a database" * 1000)
    assert server.launch().wait(60) == 1
    assert "cannot start" in server.log()


def test_an_address_beyond_loopback_needs_a_flag(make_server):
    server = make_server()
    server.grpc = "0.0.0.0:0"
    assert server.launch().wait(60) == 2
    assert "--insecure" in server.log()


def test_errors_name_no_files(make_server):
    server = make_server().start()
    with sobolev.Client(server.grpc) as client:
        upload(client, "d")
        (path,) = segments(server)
        flip_bit(path, 100)
        with pytest.raises(sobolev.DataLossError) as info:
            client.dataset("d").read()
        assert info.value.code == grpc.StatusCode.DATA_LOSS
        assert str(server.data_dir) not in info.value.message
        assert ".seg" not in info.value.message
