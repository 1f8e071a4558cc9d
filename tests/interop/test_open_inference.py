"""The Open Inference Protocol, with Triton's unmodified client."""

from __future__ import annotations

import conftest
import numpy as np
import pytest
import tritonclient.grpc as triton

import sobolev

POINTS = np.array([[0.1, 0.2, 0.3], [-0.5, 0.4, 0.9], [0.0, -0.7, -0.2]])


@pytest.fixture
def client(server, model):
    connected = triton.InferenceServerClient(server.grpc)
    yield connected
    connected.close()


def tensor(name: str, array: np.ndarray) -> triton.InferInput:
    datatype = {"float64": "FP64", "float32": "FP32", "int64": "INT64"}[array.dtype.name]
    made = triton.InferInput(name, array.shape, datatype)
    made.set_data_from_numpy(array)
    return made


def wanted(*names: str) -> list[triton.InferRequestedOutput]:
    return [triton.InferRequestedOutput(name) for name in names]


def test_the_server_is_alive_and_says_what_it_can(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    metadata = client.get_server_metadata()
    assert metadata.name == "sobolev"
    assert "sobolev_derivatives" in metadata.extensions


def test_models_are_listed(client, model):
    assert client.is_model_ready(conftest.MODEL)
    assert client.is_model_ready(conftest.MODEL, "1")
    assert not client.is_model_ready(conftest.MODEL, "99")
    assert not client.is_model_ready("nobody")
    index = client.get_model_repository_index()
    assert (conftest.MODEL, "1", "READY") in {(m.name, m.version, m.state) for m in index.models}


def test_metadata_says_what_can_be_asked_for(client, model):
    metadata = client.get_model_metadata(conftest.MODEL)
    assert list(metadata.versions) == ["1"]
    inputs = {each.name: (each.datatype, list(each.shape)) for each in metadata.inputs}
    assert inputs["x"] == ("FP64", [-1, 3])
    assert inputs["adjoints"] == ("FP64", [-1, 2])
    outputs = {each.name: (each.datatype, list(each.shape)) for each in metadata.outputs}
    assert outputs["y"] == ("FP64", [-1, 2])
    assert outputs["jacobian"] == ("FP64", [-1, 2, 3])
    assert outputs["hvp"] == ("FP64", [-1, -1, -1, 3])
    assert outputs["in_domain"] == ("BOOL", [-1])
    assert "spread" not in outputs  # A network does not judge itself.


def test_no_outputs_mean_the_value(client, model):
    answer = client.infer(conftest.MODEL, [tensor("x", POINTS)], request_id="seven")
    assert answer.get_response().id == "seven"
    assert [each.name for each in answer.get_response().outputs] == ["y"]
    np.testing.assert_array_equal(answer.as_numpy("y"), model.predict(POINTS))
    np.testing.assert_allclose(answer.as_numpy("y"), conftest.function(POINTS), atol=1e-2)


def test_derivatives_are_outputs(client, model):
    tangents = np.array([[1.0, 0, 0], [0, 2.0, -1.0]])
    adjoints = np.array([[1.0, -1.0]])
    answer = client.infer(
        conftest.MODEL,
        [tensor("x", POINTS), tensor("tangents", tangents), tensor("adjoints", adjoints)],
        outputs=wanted("hvp", "jacobian", "jvp", "vjp", "hessian", "in_domain", "y"),
    )
    jacobian = answer.as_numpy("jacobian")
    np.testing.assert_array_equal(jacobian, model.jacobian(POINTS))
    np.testing.assert_allclose(jacobian, conftest.jacobian(POINTS), atol=5e-2)
    np.testing.assert_allclose(answer.as_numpy("jvp"), tangents @ jacobian.swapaxes(1, 2))
    np.testing.assert_allclose(answer.as_numpy("vjp"), adjoints @ jacobian)
    hessian = answer.as_numpy("hessian")
    products = np.einsum("qm,smjk,pk->sqpj", adjoints, hessian, tangents)
    np.testing.assert_allclose(answer.as_numpy("hvp"), products, atol=1e-9)
    assert answer.as_numpy("in_domain").tolist() == [True, True, True]


def test_float32_in_gives_float32_back(client, model):
    answer = client.infer(
        conftest.MODEL,
        [tensor("x", POINTS.astype(np.float32))],
        model_version="1",
        outputs=wanted("y", "jacobian"),
    )
    assert answer.as_numpy("jacobian").dtype == np.float32
    np.testing.assert_allclose(answer.as_numpy("jacobian"), model.jacobian(POINTS), rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "inputs", "outputs", "said"),
    [
        ("nobody", {"x": POINTS}, ["y"], "nobody"),
        ("../waves", {"x": POINTS}, ["y"], "model_name: expected"),
        ("waves", {"z": POINTS}, ["y"], "inputs[z]: expected x, tangents or adjoints"),
        ("waves", {"x": POINTS}, ["gradient"], "outputs[gradient]: expected y, jacobian"),
        ("waves", {"x": POINTS[:, :2]}, ["y"], "x: expected shape [N, 3]"),
        ("waves", {"x": POINTS}, ["jvp"], "tangents: expected shape"),
        ("waves", {"x": POINTS.astype(np.int64)}, ["y"], "inputs[x].datatype: expected FP64"),
        ("waves", {"x": POINTS * np.nan}, ["y"], "x[0][0]: expected a finite number"),
        ("waves", {}, ["y"], "inputs: expected an input x"),
        ("waves", {"x": POINTS}, ["spread"], "does not judge its own uncertainty"),
    ],
)
def test_bad_requests_are_refused_by_name(client, name, inputs, outputs, said):
    with pytest.raises(triton.InferenceServerException) as error:
        client.infer(
            name,
            [tensor(*each) for each in inputs.items()],
            outputs=wanted(*outputs),
        )
    assert said in error.value.message()
    assert error.value.status() in ("StatusCode.INVALID_ARGUMENT", "StatusCode.NOT_FOUND")


def test_a_version_is_a_number(client):
    with pytest.raises(triton.InferenceServerException, match="model_version: expected a whole"):
        client.infer(conftest.MODEL, [tensor("x", POINTS)], model_version="latest")


def test_both_packages_live_in_one_process(client, model):
    assert isinstance(model, sobolev.Model)
    assert client.is_server_live()
