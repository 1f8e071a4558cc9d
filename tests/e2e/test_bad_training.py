"""Schemas and training specs out of range are refused, and no job is made."""

from __future__ import annotations

import math
from typing import Any

import pytest
from wire import (
    DATASET,
    refusal,
)

import sobolev
from sobolev._stubs import datasets_pb2, jobs_pb2, models_pb2, training_pb2
from sobolev._stubs.training_pb2 import TrainingSpec as Spec


def variables(*names: str) -> list[datasets_pb2.Variable]:
    return [datasets_pb2.Variable(name=name) for name in names]


BAD_SCHEMAS = {
    "no inputs": ([], variables("u"), "OUT_OF_RANGE", "inputs"),
    "no outputs": (variables("a"), [], "OUT_OF_RANGE", "outputs"),
    "too many inputs": (
        variables(*(f"x{i}" for i in range(4097))),
        variables("u"),
        "OUT_OF_RANGE",
        "inputs",
    ),
    "two of a name": (variables("a", "a"), variables("u"), "DUPLICATE_NAME", "inputs[1].name"),
    "empty name": (variables("a", ""), variables("u"), "INVALID_NAME", "inputs[1].name"),
    "name with a slash": (variables("a"), variables("a/b"), "INVALID_NAME", "outputs[0].name"),
    "name with a digit first": (variables("1a"), variables("u"), "INVALID_NAME", "inputs[0].name"),
    "NaN bound": (
        [datasets_pb2.Variable(name="a", lower=math.nan)],
        variables("u"),
        "NON_FINITE",
        "inputs[0].lower",
    ),
    "empty interval": (
        [datasets_pb2.Variable(name="a", lower=1, upper=1)],
        variables("u"),
        "OUT_OF_RANGE",
        "inputs[0].lower",
    ),
}


@pytest.mark.parametrize("case", BAD_SCHEMAS)
def test_a_bad_schema_is_refused(wire, case):
    inputs, outputs, reason, field = BAD_SCHEMAS[case]
    schema = datasets_pb2.Schema(inputs=inputs, outputs=outputs)
    request = datasets_pb2.CreateDatasetRequest(
        dataset_id="bad-schema", dataset=datasets_pb2.Dataset(schema=schema)
    )
    refused = refusal(lambda: wire.unary("DatasetService.CreateDataset", request))
    refused.require("INVALID_ARGUMENT", reason, f"dataset.schema.{field}")


# ---- Train ---------------------------------------------------------------------------------------


def network(*hidden: int, activation: int = 0) -> dict[str, Any]:
    return {"network": models_pb2.Network(hidden=hidden, activation=activation)}


def local_taylor(**options: int) -> dict[str, Any]:
    return {"local_taylor": training_pb2.LocalTaylorOptions(**options)}


ADAM = {"optimizer": Spec.OPTIMIZER_ADAM}
HYBRID = {"optimizer": Spec.OPTIMIZER_HYBRID}
POLYNOMIAL = {"kind": Spec.KIND_POLYNOMIAL}
NETWORK = {"kind": Spec.KIND_NETWORK}

BAD_SPECS = {
    "too wide": (network(8193), "OUT_OF_RANGE", "spec.network.hidden[0]", "8192"),
    "absurdly wide": (network(2**31 - 1), "OUT_OF_RANGE", "spec.network.hidden[0]", "8192"),
    "no width": (network(4, 0), "OUT_OF_RANGE", "spec.network.hidden[1]", "got 0"),
    "negative width": (network(-5), "OUT_OF_RANGE", "spec.network.hidden[0]", "got -5"),
    "too deep": (network(*[4] * 65), "OUT_OF_RANGE", "spec.network.hidden", "64"),
    "absurdly deep": (network(*[4] * 100_000), "OUT_OF_RANGE", "spec.network.hidden", "64"),
    "too many parameters": (
        network(8192, 8192),
        "OUT_OF_RANGE",
        "spec.network.hidden",
        "50000000 parameters",
    ),
    "unknown activation": (
        network(4, activation=77),
        "UNKNOWN_ENUM_VALUE",
        "spec.network.activation",
        "77",
    ),
    "monotone in nobody": (
        {"monotone": {"nobody": Spec.SLOPE_INCREASING}},
        "UNKNOWN_NAME",
        "spec.monotone[nobody]",
        "the inputs are",
    ),
    "unknown convexity": ({"convexity": 7}, "UNKNOWN_ENUM_VALUE", "spec.convexity", "7"),
    "convex sines": (
        {**network(4, activation=5), "convexity": Spec.CONVEXITY_CONVEX},
        "NOT_APPLICABLE",
        "spec.network.activation",
        "softplus",
    ),
    "convex polynomial": (
        {**POLYNOMIAL, "convexity": Spec.CONVEXITY_CONVEX},
        "NOT_APPLICABLE",
        "spec.kind",
        "polynomial",
    ),
    "monotone and of products": (
        {"monotone": {"a": Spec.SLOPE_INCREASING}, "feature_degree": 2},
        "CONFLICT",
        "spec.feature_degree",
        "unset feature_degree or spec.monotone",
    ),
    "convex and clamped": (
        {"convexity": Spec.CONVEXITY_CONVEX, "extrapolation": Spec.EXTRAPOLATION_LINEAR},
        "CONFLICT",
        "spec.extrapolation",
        "unset it or spec.convexity",
    ),
    "unknown derivative scale": (
        {"derivative_scale": 9},
        "UNKNOWN_ENUM_VALUE",
        "spec.derivative_scale",
        "9",
    ),
    "unknown precision": ({"precision": 9}, "UNKNOWN_ENUM_VALUE", "spec.precision", "9"),
    "negative alpha": ({"alpha": -1}, "OUT_OF_RANGE", "spec.alpha", "-1"),
    "alpha NaN": ({"alpha": math.nan}, "OUT_OF_RANGE", "spec.alpha", "nan"),
    "beta infinite": ({"beta": math.inf}, "OUT_OF_RANGE", "spec.beta", "inf"),
    "no loss": ({"alpha": 0, "beta": 0}, "OUT_OF_RANGE", "spec.alpha", "alpha + beta"),
    "gamma NaN": ({"gamma": math.nan}, "OUT_OF_RANGE", "spec.gamma", "nan"),
    "negative gamma of Adam": ({**ADAM, "gamma": -1}, "OUT_OF_RANGE", "spec.gamma", "-1"),
    "gamma of a Gaussian process": (
        {"kind": Spec.KIND_GAUSSIAN_PROCESS, "gamma": 1},
        "NOT_APPLICABLE",
        "spec.gamma",
        "KIND_NETWORK alone; unset it",
    ),
    "no epochs": ({"epochs": 0}, "OUT_OF_RANGE", "spec.epochs", "got 0"),
    "too many epochs": ({"epochs": 2**31 - 1}, "OUT_OF_RANGE", "spec.epochs", "1000000"),
    "no batch": ({"batch_size": 0}, "OUT_OF_RANGE", "spec.batch_size", "got 0"),
    "negative batch": ({"batch_size": -(2**31)}, "OUT_OF_RANGE", "spec.batch_size", "got -2"),
    "no learning rate": ({"learning_rate": 0}, "OUT_OF_RANGE", "spec.learning_rate", "got 0"),
    "learning rate NaN": (
        {"learning_rate": math.nan},
        "OUT_OF_RANGE",
        "spec.learning_rate",
        "nan",
    ),
    "learning rate too large": (
        {"learning_rate": 11},
        "OUT_OF_RANGE",
        "spec.learning_rate",
        "at most 10",
    ),
    "nothing held out": (
        {**ADAM, "validation_fraction": 0},
        "OUT_OF_RANGE",
        "spec.validation_fraction",
        "more than 0",
    ),
    "all held out": (
        {**ADAM, "validation_fraction": 1},
        "OUT_OF_RANGE",
        "spec.validation_fraction",
        "0.9",
    ),
    "negative sketch": (
        {"derivative_sketch": -1},
        "OUT_OF_RANGE",
        "spec.derivative_sketch",
        "got -1; choose",
    ),
    "sketch of a hybrid": (
        {**HYBRID, "derivative_sketch": 2},
        "NOT_APPLICABLE",
        "spec.derivative_sketch",
        "OPTIMIZER_ADAM alone; unset it",
    ),
    "negative patience": ({"patience": -1}, "OUT_OF_RANGE", "spec.patience", "got -1"),
    "unknown kind": ({"kind": 9}, "UNKNOWN_ENUM_VALUE", "spec.kind", "local-taylor, got"),
    "unknown base": (
        local_taylor(base=9),
        "UNKNOWN_ENUM_VALUE",
        "spec.local_taylor.base",
        "network, polynomial or constant, got number 9",
    ),
    "no order": (local_taylor(order=0), "OUT_OF_RANGE", "spec.local_taylor.order", "1 to 3, got 0"),
    "order 4": (local_taylor(order=4), "OUT_OF_RANGE", "spec.local_taylor.order", "leave it unset"),
    "local models of a polynomial": (
        {**POLYNOMIAL, **local_taylor(order=2)},
        "NOT_APPLICABLE",
        "spec.local_taylor",
        "KIND_LOCAL_TAYLOR alone; unset it",
    ),
    "local models of a network": (
        {**NETWORK, **local_taylor()},
        "NOT_APPLICABLE",
        "spec.local_taylor",
        "KIND_LOCAL_TAYLOR alone; unset it",
    ),
    "network under a constant": (
        {**network(4), **local_taylor(base=3)},
        "NOT_APPLICABLE",
        "spec.network",
        "BASE_NETWORK alone; unset it",
    ),
    "local models on Adam": (
        {**ADAM, **local_taylor()},
        "NOT_APPLICABLE",
        "spec.optimizer",
        "hybrid or lbfgs for the network",
    ),
    "local models on nothing known": (
        {**local_taylor(), "optimizer": 9},
        "UNKNOWN_ENUM_VALUE",
        "spec.optimizer",
        "hybrid or lbfgs, got number 9",
    ),
    "outliers in local models": (
        {**local_taylor(), "huber": 1.3},
        "NOT_APPLICABLE",
        "spec.huber",
        "unset it or choose",
    ),
    "ensemble of local models": (
        {**local_taylor(), "ensemble_size": 3},
        "NOT_APPLICABLE",
        "spec.ensemble_size",
        "unset it or choose",
    ),
    "effort of local models": (
        {**local_taylor(), "effort": 3},
        "NOT_APPLICABLE",
        "spec.effort",
        "KIND_AUTO alone; unset it",
    ),
    "monotone local models": (
        {**local_taylor(), "monotone": {"a": Spec.SLOPE_INCREASING}},
        "NOT_APPLICABLE",
        "spec.kind",
        "local taylor 1; change the kind",
    ),
    "unknown optimizer": (
        {"optimizer": 9},
        "UNKNOWN_ENUM_VALUE",
        "spec.optimizer",
        "hybrid or lbfgs, got number 9",
    ),
    "no effort": ({"effort": 0}, "OUT_OF_RANGE", "spec.effort", "got 0; leave it unset"),
    "negative effort": ({"effort": -1}, "OUT_OF_RANGE", "spec.effort", "got -1"),
    "effort NaN": ({"effort": math.nan}, "OUT_OF_RANGE", "spec.effort", "got nan"),
    "endless effort": ({"effort": math.inf}, "OUT_OF_RANGE", "spec.effort", "at most 1e+06"),
    "no time": (
        {"time_limit_seconds": 0},
        "OUT_OF_RANGE",
        "spec.time_limit_seconds",
        "leave it unset for no limit",
    ),
    "time NaN": (
        {"time_limit_seconds": math.nan},
        "OUT_OF_RANGE",
        "spec.time_limit_seconds",
        "got nan",
    ),
    "effort of a polynomial": (
        {**POLYNOMIAL, "effort": 1},
        "NOT_APPLICABLE",
        "spec.effort",
        "KIND_AUTO alone; unset it",
    ),
    "network of a polynomial": (
        {**POLYNOMIAL, **network(4)},
        "NOT_APPLICABLE",
        "spec.network",
        "KIND_NETWORK alone; unset it",
    ),
    "optimizer of a polynomial": (
        {**POLYNOMIAL, **ADAM},
        "NOT_APPLICABLE",
        "spec.optimizer",
        "KIND_NETWORK alone; unset it",
    ),
    "output weights of Adam": (
        {**ADAM, "output_weights": [1]},
        "NOT_APPLICABLE",
        "spec.output_weights",
        "unset it",
    ),
    "robust Adam": ({**ADAM, "huber": 2}, "NOT_APPLICABLE", "spec.huber", "unset it"),
    "too many output weights": (
        {"output_weights": [1] * 9},
        "WRONG_SIZE",
        "spec.output_weights",
        "got 9",
    ),
    "no output weight": ({"output_weights": [0]}, "OUT_OF_RANGE", "spec.output_weights", "got 0"),
    "too many derivative weights": (
        {**POLYNOMIAL, "derivative_weights": [1] * 99},
        "WRONG_SIZE",
        "spec.derivative_weights",
        "got 99",
    ),
    "huber NaN": ({"huber": math.nan}, "OUT_OF_RANGE", "spec.huber", "1.345"),
    "no threshold": ({"huber": 0}, "OUT_OF_RANGE", "spec.huber", "got 0"),
    "epochs of a hybrid": (
        {**HYBRID, "epochs": 5},
        "NOT_APPLICABLE",
        "spec.epochs",
        "OPTIMIZER_ADAM alone; unset it",
    ),
    "precision of a hybrid": (
        {**HYBRID, "precision": Spec.PRECISION_FLOAT64},
        "NOT_APPLICABLE",
        "spec.precision",
        "OPTIMIZER_ADAM alone; unset it",
    ),
    "held-out share of a selection": (
        {"validation_fraction": 0.2},
        "NOT_APPLICABLE",
        "spec.validation_fraction",
        "unset it",
    ),
    "too wide for a hybrid": (
        {**HYBRID, **network(8193)},
        "OUT_OF_RANGE",
        "spec.network.hidden[0]",
        "8192",
    ),
    "no loss of a selection": (
        {**POLYNOMIAL, "alpha": 0, "beta": 0},
        "OUT_OF_RANGE",
        "spec.alpha",
        "alpha + beta",
    ),
}


def train(dataset: str = DATASET, spec: dict[str, Any] | None = None, **fields: Any) -> Any:
    return training_pb2.TrainRequest(
        dataset=dataset, spec=training_pb2.TrainingSpec(**(spec or {})), **fields
    )


@pytest.mark.parametrize("case", BAD_SPECS)
@pytest.mark.parametrize("validate_only", [True, False], ids=["validate", "train"])
def test_a_bad_spec_is_refused_and_no_job_is_made(wire, server, case, validate_only):
    spec, reason, field, says = BAD_SPECS[case]
    with sobolev.Client(server.grpc) as client:
        before = [job.name for job in client.jobs()]
        request = train(spec=spec, validate_only=validate_only)
        refused = refusal(lambda: wire.unary("TrainingService.Train", request))
        refused.require("INVALID_ARGUMENT", reason, field, says)
        assert [job.name for job in client.jobs()] == before


@pytest.mark.parametrize(
    ("dataset", "spec", "reason"),
    [
        ("datasets/no-samples", {}, "TOO_FEW_SAMPLES"),
        ("datasets/no-samples", POLYNOMIAL, "TOO_FEW_SAMPLES"),
        ("datasets/no-samples", NETWORK, "TOO_FEW_SAMPLES"),
        ("datasets/one-sample", NETWORK, "TOO_FEW_SAMPLES"),
        (DATASET, {**NETWORK, "beta": 1.0}, "NO_JACOBIANS"),
    ],
)
def test_training_without_what_it_needs_fails_its_precondition(wire, dataset, spec, reason):
    refused = refusal(lambda: wire.unary("TrainingService.Train", train(dataset, spec)))
    refused.require("FAILED_PRECONDITION", reason)
    assert "append" in refused.message


def test_a_dataset_version_that_does_not_exist_is_refused(wire):
    request = train(dataset_version=99)
    refusal(lambda: wire.unary("TrainingService.Train", request)).require("NOT_FOUND", says="99")
    request = train(dataset_version=-1)
    refused = refusal(lambda: wire.unary("TrainingService.Train", request))
    refused.require("INVALID_ARGUMENT", "OUT_OF_RANGE", "dataset_version")


def test_a_request_id_with_other_content_is_refused(wire):
    good = {"spec": {"epochs": 1, **network(4)}, "request_id": "once", "model_id": "once"}
    first = jobs_pb2.Job.FromString(wire.unary("TrainingService.Train", train(**good)))
    again = jobs_pb2.Job.FromString(wire.unary("TrainingService.Train", train(**good)))
    assert first.name == again.name
    other = train(**{**good, "spec": {"epochs": 2, **network(4)}})
    refused = refusal(lambda: wire.unary("TrainingService.Train", other))
    refused.require("INVALID_ARGUMENT", "REQUEST_ID_REUSED", "request_id")
    for bad in ("a/b", "a" * 64):
        request = train(**{**good, "request_id": bad})
        refused = refusal(lambda r=request: wire.unary("TrainingService.Train", r))
        refused.require("INVALID_ARGUMENT", "INVALID_NAME", "request_id")


@pytest.mark.parametrize("spec", [{}, NETWORK, POLYNOMIAL, HYBRID, {"effort": 1}])
def test_validating_starts_nothing(wire, server, spec):
    with sobolev.Client(server.grpc) as client:
        before = [job.name for job in client.jobs()]
        job = jobs_pb2.Job.FromString(
            wire.unary("TrainingService.Train", train(spec=spec, validate_only=True))
        )
        assert job.name == ""
        assert [job.name for job in client.jobs()] == before
