"""`sobolev model compose`: what it makes, shows and refuses."""

from __future__ import annotations

import numpy as np
import pytest
from naming import unique

import sobolev


@pytest.fixture(scope="module")
def parts(wire, server) -> str:
    """The trained model "bad-input", u of a and b, and a program of u and c."""
    with sobolev.Client(server.grpc) as client:
        client.create_program(
            "ramp", "input q\ninput c in [0, 1]\noutput y = q * c\noutput z = c\n"
        )
    return "ramp"


def test_a_composed_model_is_shown_and_predicts(cli, client, parts):
    name = unique("composed")
    compose = ["model", "compose", name, "--stage", "wing=model:bad-input"]
    compose += ["--stage", f"program:{parts}", "--bind", f"{parts}.q=wing.u"]
    compose += ["--output", f"{parts}.y", "--output", "wing.u"]
    text = cli.ok(*compose)
    assert f"models/{name}/versions/1" in text
    version = client.model("bad-input").name
    assert f"{version} of a, b" in text
    assert f"programs/{parts} of c, q from wing.u" in text
    assert text == cli.ok(*compose)  # The same version.
    assert text == cli.ok("model", "show", name)
    assert "pipeline" in cli.ok("model", "list")

    shown = cli.json("model", "show", name)
    assert shown["kind"] == "pipeline"
    assert "report" not in shown
    assert shown["pipeline"]["outputs"] == [f"{parts}.y", "wing.u"]
    assert shown["pipeline"]["stages"][1]["inputs"] == {"c": "c", "q": "wing.u"}
    assert [variable["name"] for variable in shown["schema"]["inputs"]] == ["a", "b", "c"]

    point = cli.json("predict", name, "--point", "0.5,0.25,0.5", "--jacobian")["points"][0]
    value, jacobian = client.model("bad-input").value_and_jacobian([0.5, 0.25])
    u, (u_a, u_b) = value[0], jacobian[0]
    np.testing.assert_allclose(point["value"], [u / 2, u], rtol=1e-12)
    expected = [[u_a / 2, u_b / 2, u], [u_a, u_b, 0]]
    np.testing.assert_allclose(point["jacobian"], expected, rtol=1e-12)


def test_what_cannot_be_composed_leaves_no_model(cli, client, parts):
    before = [model.id for model in client.models()]
    for arguments, code, message in (
        ([], 2, "--stage is required"),
        (["--stage", "bad-input"], 2, "--stage: expected [NAME=]model:MODEL"),
        (["--stage", "model:bad-input", "--bind", "x=y"], 2, "--bind: expected STAGE.INPUT=SOURCE"),
        (["--stage", "model:none"], 1, "stages[0].model"),
        (["--stage", "model:bad-input", "--output", "v"], 1, "outputs[0]"),
    ):
        result = cli.run("model", "compose", "refused", *arguments)
        assert result.returncode == code, result.stderr
        assert message in result.stderr
        assert result.stdout == ""
    assert [model.id for model in client.models()] == before
