"""UM-Bridge 1.0: the unmodified umbridge client, and what a conforming server must answer."""

from __future__ import annotations

import conftest
import numpy as np
import pytest
import requests
import umbridge

POINT = [0.1, 0.2, 0.3]


@pytest.fixture(scope="module")
def url(server, model) -> str:
    return f"http://{server.gateway}"


@pytest.fixture(scope="module")
def remote(url) -> umbridge.HTTPModel:
    return umbridge.HTTPModel(url, conftest.MODEL)


def test_models_are_listed_with_their_versions(url):
    names = umbridge.supported_models(url)
    assert conftest.MODEL in names
    assert f"{conftest.MODEL}:1" in names


def test_every_feature_is_there(remote):
    assert remote.supports_evaluate()
    assert remote.supports_gradient()
    assert remote.supports_apply_jacobian()
    assert remote.supports_apply_hessian()
    assert remote.get_input_sizes() == [3]
    assert remote.get_output_sizes() == [2]


def test_values_are_those_of_predict(remote, url, model):
    expected = model.predict([POINT]).tolist()
    assert remote([POINT]) == expected
    assert umbridge.HTTPModel(url, f"{conftest.MODEL}:1")([POINT]) == expected
    assert remote([POINT], {"version": 1}) == expected
    np.testing.assert_allclose(expected, conftest.function([POINT]), atol=1e-2)


def test_gradient_and_apply_jacobian_are_products_with_the_jacobian(remote, model):
    jacobian = model.jacobian([POINT])[0]
    sens, vec = [1.0, -2.0], [0.5, 1.0, -1.0]
    np.testing.assert_allclose(remote.gradient(0, 0, [POINT], sens), sens @ jacobian, rtol=1e-12)
    np.testing.assert_allclose(
        remote.apply_jacobian(0, 0, [POINT], vec), jacobian @ vec, rtol=1e-12
    )
    np.testing.assert_allclose(jacobian, conftest.jacobian([POINT])[0], atol=5e-2)


def test_apply_hessian_is_the_derivative_of_gradient(remote, model):
    sens, vec = [1.0, -2.0], np.array([0.5, 1.0, -1.0])
    product = remote.apply_hessian(0, 0, 0, [POINT], sens, vec.tolist())
    assert len(product) == 3
    expected = np.einsum("m,mjk,k->j", sens, model.hessian([POINT])[0], vec)
    np.testing.assert_allclose(product, expected, rtol=1e-9)
    step = 1e-5
    above, below = (
        np.array(remote.gradient(0, 0, [(POINT + sign * step * vec).tolist()], sens))
        for sign in (1, -1)
    )
    np.testing.assert_allclose(product, (above - below) / (2 * step), rtol=1e-6, atol=1e-7)


def test_without_shared_memory_the_client_goes_on_over_http(url, model):
    remote = umbridge.HTTPModel(url, conftest.MODEL, use_shmem=True)
    assert not remote.supports_shmem()
    assert remote([POINT]) == model.predict([POINT]).tolist()


def test_errors_reach_the_user_of_the_client(remote, url):
    with pytest.raises(Exception, match="nobody not supported"):
        umbridge.HTTPModel(url, "nobody")
    with pytest.raises(Exception, match=r"InvalidInput: input\[0\]: expected a list of 3 numbers"):
        remote([[1.0]])
    with pytest.raises(Exception, match="InvalidInput: config: expected nothing but version"):
        remote([POINT], {"level": 2})
    with pytest.raises(Exception, match="ModelNotFound"):
        remote([POINT], {"version": 99})
    with pytest.raises(Exception, match="InvalidInput: outWrt: expected 0"):
        remote.gradient(1, 0, [POINT], [1.0, 1.0])


QUESTION = {"name": conftest.MODEL, "input": [POINT]}
GRADIENT = QUESTION | {"outWrt": 0, "inWrt": 0, "sens": [1, 1]}
JACOBIAN = QUESTION | {"outWrt": 0, "inWrt": 0, "vec": [1, 1, 1]}
HESSIAN = QUESTION | {"outWrt": 0, "inWrt1": 0, "inWrt2": 0, "sens": [1, 1], "vec": [1, 1, 1]}


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        *(
            (path, {"name": "nobody"}, "ModelNotFound")
            for path in (
                "ModelInfo",
                "InputSizes",
                "OutputSizes",
                "Evaluate",
                "Gradient",
                "ApplyJacobian",
                "ApplyHessian",
            )
        ),
        ("Evaluate", QUESTION | {"input": [POINT, POINT]}, "InvalidInput"),
        ("Evaluate", QUESTION | {"input": [[*POINT, 1]]}, "InvalidInput"),
        ("Evaluate", QUESTION | {"input": []}, "InvalidInput"),
        ("Gradient", GRADIENT | {"outWrt": 1}, "InvalidInput"),
        ("Gradient", GRADIENT | {"inWrt": -1}, "InvalidInput"),
        ("Gradient", GRADIENT | {"sens": [1]}, "InvalidInput"),
        ("Gradient", GRADIENT | {"input": [[1]]}, "InvalidInput"),
        ("ApplyJacobian", JACOBIAN | {"outWrt": 7}, "InvalidInput"),
        ("ApplyJacobian", JACOBIAN | {"inWrt": 7}, "InvalidInput"),
        ("ApplyJacobian", JACOBIAN | {"vec": [1, 1]}, "InvalidInput"),
        ("ApplyHessian", HESSIAN | {"inWrt1": 7}, "InvalidInput"),
        ("ApplyHessian", HESSIAN | {"inWrt2": 7}, "InvalidInput"),
        ("ApplyHessian", HESSIAN | {"outWrt": 7}, "InvalidInput"),
        ("ApplyHessian", HESSIAN | {"sens": []}, "InvalidInput"),
        ("ApplyHessian", HESSIAN | {"vec": [1, 1]}, "InvalidInput"),
    ],
)
def test_errors_have_the_types_of_the_protocol(url, path, body, kind):
    reply = requests.post(f"{url}/{path}", json=body, timeout=30)
    assert reply.status_code == 400
    assert set(reply.json()) == {"error"}
    assert set(reply.json()["error"]) == {"type", "message"}
    assert reply.json()["error"]["type"] == kind


def test_replies_have_the_members_of_the_protocol_and_no_others(url):
    info = requests.get(f"{url}/Info", timeout=30).json()
    assert set(info) == {"protocolVersion", "models"}
    assert info["protocolVersion"] == 1.0

    def post(path, body):
        # Some clients name no content type.
        data = requests.models.complexjson.dumps(body)
        return requests.post(f"{url}/{path}", data=data, timeout=30).json()

    name = {"name": conftest.MODEL}
    assert set(post("ModelInfo", name)) == {"support"}
    assert set(post("ModelInfo", name)["support"]) == {
        "Evaluate",
        "Gradient",
        "ApplyJacobian",
        "ApplyHessian",
    }
    assert post("InputSizes", name | {"config": {}}) == {"inputSizes": [3]}
    assert post("OutputSizes", name) == {"outputSizes": [2]}
    for path, body, size in [
        ("Gradient", GRADIENT, 3),
        ("ApplyJacobian", JACOBIAN, 2),
        ("ApplyHessian", HESSIAN, 3),
    ]:
        reply = post(path, body)
        assert set(reply) == {"output"}
        assert len(reply["output"]) == size
        assert all(isinstance(number, float | int) for number in reply["output"])
