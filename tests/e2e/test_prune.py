"""Pruning jobs: smaller versions of a network, what they keep, and what is proved of them."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from naming import unique

import sobolev
from sobolev._stubs import jobs_pb2, pruning_pb2

NAMES = ["rw", "r", "Tu", "Hu", "Tl", "Hl", "L", "Kw"]
LOW = np.array([0.05, 100, 63070, 990, 63.1, 700, 1120, 9855])
HIGH = np.array([0.15, 50000, 115600, 1110, 116, 820, 1680, 12045])


def borehole(x: np.ndarray) -> np.ndarray:
    """The flow through a borehole (Morris, Mitchell and Ylvisaker 1993), [N]. x may be complex."""
    rw, r, tu, hu, tl, hl, length, kw = x.T
    ratio = np.log(r / rw)
    below = ratio * (1 + tu / tl) + 2 * length * tu / (rw**2 * kw)
    return 2 * np.pi * tu * (hu - hl) / below


def gradient(x: np.ndarray) -> np.ndarray:
    """By complex steps, which are exact to rounding."""
    columns = []
    for j in range(8):
        step = np.zeros(8)
        step[j] = 1e-20 * HIGH[j]
        columns.append(borehole(x + 1j * step).imag / step[j])
    return np.stack(columns, axis=1)


def draw(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(LOW, HIGH, (count, 8))


def inside(box: np.ndarray, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(box[:, 0], box[:, 1], (count, len(box)))


@pytest.fixture(scope="module")
def large(server) -> sobolev.Model:
    """8-24-24-1, trained on the borehole function."""
    with sobolev.Client(server.grpc) as client:
        dataset = client.create_dataset(unique("borehole"), NAMES, ["flow"])
        x = draw(1024, 1)
        dataset.append(x, borehole(x), gradient(x)[:, None, :])
        job = client.train(
            dataset=dataset,
            model=unique("borehole"),
            hidden=[24, 24],
            optimizer="adam",
            activation="softplus",
            epochs=150,
        )
        yield job.wait(progress=False)


def prune(client: sobolev.Client, model: sobolev.Model, **options) -> sobolev.Model:
    return client.prune(model, into=unique("small"), **options).wait(progress=False)


def spread(y: np.ndarray) -> float:
    return float(np.std(y))


def require_right_jacobians(model: sobolev.Model, seed: int = 3) -> None:
    """Central differences: steps of 1e-4 of the box leave h^2 and rounding below 1e-5."""
    width = model.domain[:, 1] - model.domain[:, 0]
    x = inside(model.domain + 0.01 * width[:, None] * [1, -1], 20, seed)
    jacobian = model.jacobian(x)[:, 0, :] * width
    for j in range(len(width)):
        step = np.zeros(len(width))
        step[j] = 1e-4 * width[j]
        difference = (model.predict(x + step) - model.predict(x - step))[:, 0] / 2e-4
        np.testing.assert_allclose(jacobian[:, j], difference, atol=1e-5 * np.abs(jacobian).max())


def test_a_pruned_version_is_smaller_and_keeps_values_and_derivatives(client, large):
    small = prune(client, large, fraction=0.5)
    report = small.pruning
    assert report.source == large.name
    assert report.inputs == tuple(NAMES)
    assert (report.parts, report.rule, report.compensation) == (
        *("vertices", "sobolev_obs"),
        "sobolev",
    )
    assert sum(report.removed_vertices) == 24
    assert small.hidden == report.after.hidden
    left = [24 - removed for removed in report.removed_vertices]
    assert list(small.hidden) == left
    weights = 8 * left[0] + left[0] * left[1] + left[1]
    assert report.after.value_multiply_adds == weights
    assert report.after.parameters == weights + sum(left) + 1 == small.parameter_count
    assert report.after.jacobian_multiply_adds == weights + sum(left)
    assert report.after.plan_multiply_adds == small.plan_derivatives().cost
    assert report.before.plan_multiply_adds == large.plan_derivatives().cost
    assert report.before.parameters == large.parameter_count
    assert report.retraining is None and report.scratch_errors is None
    require_right_jacobians(small)

    x = draw(4000, 2)
    y = large.predict(x)[:, 0]
    difference = small.predict(x)[:, 0] - y
    # Of other points, and in units of the samples' spread.
    deviation = np.sqrt(np.mean(difference**2)) / spread(borehole(draw(1024, 1)))
    assert deviation == pytest.approx(report.result.value, rel=0.15)
    jacobians = [model.jacobian(x)[:, 0, :] * (HIGH - LOW) for model in (large, small)]
    relative = np.linalg.norm(jacobians[1] - jacobians[0]) / np.linalg.norm(jacobians[0])
    assert relative == pytest.approx(report.result.jacobian, rel=0.15)
    assert report.result.value < 0.1
    assert client.model(large.id).name == large.name, "the source is as it was"
    assert small.report.dataset == large.report.dataset


def test_what_is_proved_holds_and_what_is_sampled_is_found(client, large):
    small = prune(client, large, fraction=0.3, certificate_boxes=500)
    certificate = small.pruning.certificate
    x = inside(large.domain, 100_000, 4)
    values = np.abs(small.predict(x) - large.predict(x)).max(axis=0)
    jacobians = np.abs(small.jacobian(x) - large.jacobian(x)).max(axis=0)
    assert (values <= certificate.value_proved).all()
    assert (jacobians <= certificate.jacobian_proved).all()
    assert (certificate.value_sampled <= certificate.value_proved).all()
    assert (certificate.jacobian_sampled <= certificate.jacobian_proved).all()
    # The sampled side is uphill of a thousand points, and no less than nearly what these show.
    assert (certificate.value_sampled >= 0.8 * values).all()
    assert np.isfinite(certificate.value_proved).all()
    more = prune(client, large, fraction=0.3, certificate_boxes=4000).pruning.certificate
    assert (more.value_proved <= certificate.value_proved).all()
    assert more.boxes > certificate.boxes
    assert prune(client, large, fraction=0.3, certificate_boxes=0).pruning.certificate is None


def test_retraining_is_compared_with_training_from_scratch(client, large):
    small = prune(client, large, fraction=0.5, steps=400, certificate_boxes=0)
    report = small.pruning
    retraining = report.retraining
    assert abs(retraining.steps - 400) <= 4 and retraining.kept
    assert retraining.learning_rate == pytest.approx(0.02)
    # The default of that width, or a share of it.
    tried = (0.05, 0.02, 0.01)
    assert any(retraining.scratch_learning_rate == pytest.approx(rate) for rate in tried)
    held_out = {
        name: getattr(report, f"{name}_errors").value_relative
        for name in ("source", "pruned", "result", "scratch")
    }
    assert held_out["result"] < held_out["pruned"]
    assert held_out["result"] < held_out["scratch"]
    # What the source never saw is held out here, too.
    assert held_out["source"] == pytest.approx(large.report.validation.value_relative, rel=1e-3)
    assert small.report.validation == report.result_errors
    assert small.report.epochs == retraining.epochs
    require_right_jacobians(small)
    # Against the truth.
    x = draw(4000, 5)
    truth = borehole(x)
    error = np.sqrt(np.mean((small.predict(x)[:, 0] - truth) ** 2)) / spread(truth)
    assert error == pytest.approx(held_out["result"], rel=0.3)


def test_retraining_keeps_the_zeros_of_pruned_weights(client, large):
    small = prune(
        client, large, fraction=0.7, parts="weights", steps=400, certificate_boxes=0, seed=2
    )
    report = small.pruning
    assert report.retraining.kept
    left = 8 * 24 + 24 * 24 + 24 - sum(report.removed_weights)
    assert small.nonzero_weights == left == report.after.value_multiply_adds
    # Layers with many zeros are planned as sparse.
    affine = [each for each in small.plan_derivatives().factors if "affine" in each.label]
    assert sum(each.edges for each in affine) < sum(each.n * each.m for each in affine)
    assert report.result_errors.value_relative < report.pruned_errors.value_relative
    assert report.result_errors.jacobian_relative < report.pruned_errors.jacobian_relative
    require_right_jacobians(small)


def test_insignificant_inputs_go(client, large):
    small = prune(client, large, input_threshold=0.003, fraction=0.3, certificate_boxes=200)
    report = small.pruning
    removed = {each.input for each in report.removed_inputs}
    assert removed == {"r", "Tu", "Tl"}, "those that the borehole function hardly depends on"
    assert [variable.name for variable in small.inputs] == [n for n in NAMES if n not in removed]
    kept = [NAMES.index(variable.name) for variable in small.inputs]
    for each in report.removed_inputs:
        low, high = large.domain[NAMES.index(each.input)]
        assert each.value == pytest.approx((low + high) / 2)
        assert each.sobol_bound < 0.003
    assert report.after.inputs == 5
    require_right_jacobians(small)
    x = inside(large.domain, 50_000, 6)
    difference = np.abs(small.predict(x[:, kept]) - large.predict(x)).max(axis=0)
    assert (difference <= report.certificate.value_proved).all()
    jacobian = large.jacobian(x)
    jacobian[:, :, kept] -= small.jacobian(x[:, kept])
    assert (np.abs(jacobian).max(axis=0) <= report.certificate.jacobian_proved).all()
    # And once more, from a version that has fewer inputs than the dataset.
    smaller = prune(client, small, fraction=0.2, steps=100, certificate_boxes=0)
    assert smaller.pruning.result_errors is not None
    assert len(smaller.inputs) == 5
    alone = prune(client, large, input_threshold=0.003, certificate_boxes=0)
    assert alone.hidden == large.hidden and len(alone.inputs) == 5


def test_weights_go_and_the_rest_is_served_exactly(client, large):
    sparse = prune(client, large, parts="weights", fraction=0.6, certificate_boxes=0)
    report = sparse.pruning
    total = 8 * 24 + 24 * 24 + 24
    assert sum(report.removed_weights) == round(0.6 * total)
    assert sparse.hidden == large.hidden
    assert report.after.parameters == total - sum(report.removed_weights) + 49
    assert sparse.nonzero_weights == total - sum(report.removed_weights)
    assert large.nonzero_weights == total
    require_right_jacobians(sparse)
    # What has no weight left has no effect, to the last bit.
    assert np.array_equal(sparse.predict(draw(5, 1)), sparse.predict(draw(5, 1)))


def test_an_error_budget_is_kept(client, large):
    for budget in ({"value_error": 0.02}, {"value_error": 0.05, "jacobian_error": 0.03}):
        report = prune(client, large, steps=100, certificate_boxes=0, **budget).pruning
        assert report.result.value <= budget["value_error"]
        assert report.result.jacobian <= budget.get("jacobian_error", 1)
        assert sum(report.removed_vertices) > 0
    report = prune(client, large, input_threshold=0.003, value_error=0.03).pruning
    assert report.removed_inputs and sum(report.removed_vertices) > 0
    assert report.result.value <= 0.03


def test_size_and_cost_are_kept(client, large):
    report = prune(client, large, parameters=300, certificate_boxes=0).pruning
    assert 200 < report.after.parameters <= 300
    report = prune(client, large, multiply_adds=400, certificate_boxes=0).pruning
    assert 300 < report.after.jacobian_multiply_adds <= 400


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"value_error": 1e-9}, "target.value_error"),
        ({"jacobian_error": 1e-9}, "target.jacobian_error"),
        ({"parameters": 20}, "target.parameters"),
        ({"multiply_adds": 20}, "target.multiply_adds"),
        ({"input_threshold": 1e-12}, "input_threshold"),
        ({"input_threshold": 0.5, "value_error": 0.001}, "target.value_error"),
    ],
    ids=str,
)
def test_a_budget_out_of_reach_says_what_can_be_reached(client, large, options, field):
    job = client.prune(large, into=unique("never"), **options)
    with pytest.raises(sobolev.JobFailedError, match=r"expected (at least|more than) [0-9.e-]+"):
        job.wait(progress=False)
    message = jobs_pb2.Job()
    message.CopyFrom(job.refresh()._message)
    assert message.error.code == 9, "FAILED_PRECONDITION"
    assert message.error.message.startswith(field)
    assert message.kind == jobs_pb2.Job.KIND_PRUNE


def test_what_cannot_be_pruned_is_refused_at_once(client, large):
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (60, 2))
    data = {"x": x, "y": x.prod(axis=1)}
    tiny = client.train(**data, model=unique("tiny"), hidden=[3, 3], epochs=1).wait(progress=False)
    polynomial = client.train(**data, model=unique("p"), kind="polynomial").wait(progress=False)
    residual = client.train(
        **data, model=unique("r"), hidden=[6, 6], epochs=1, optimizer="adam", residual=True
    ).wait(progress=False)

    def refused(error, model, says, **options):
        with pytest.raises(error, match=says):
            client.prune(model, **options)

    invalid = sobolev.InvalidArgumentError
    failed = sobolev.FailedPreconditionError
    refused(failed, tiny, "model: expected a hidden layer of more than 3 vertices", fraction=0.1)
    refused(invalid, polynomial, "model: expected a plain network, got a polynomial", fraction=0.1)
    refused(invalid, residual, "model: expected a network without residual", fraction=0.1)
    refused(invalid, large, "target: expected one of fraction")
    refused(invalid, large, "target: expected one of fraction", fraction=0.1, parameters=9)
    refused(invalid, large, "target.fraction: expected at most 0.875", fraction=0.95)
    refused(invalid, large, "rule: expected a rule for vertices", fraction=0.1, rule="wanda")
    weights = {"fraction": 0.1, "parts": "weights"}
    refused(invalid, large, "rule: expected a rule for weights", rule="taylor", **weights)
    box = large.domain.copy()
    refused(invalid, large, "box: expected a range for each of the 8", fraction=0.1, box=box[1:])
    box[2, 1] *= 2
    refused(
        invalid, large, r"box\[2\]: expected .* domain of the model, Tu=", fraction=0.1, box=box
    )
    inverted = large.domain[:, ::-1]
    refused(invalid, large, r"box\[0\].min: expected at most max", fraction=0.1, box=inverted)
    other = client.create_dataset(unique("other"), ["a"], ["u"])
    other.append([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    says = "retraining.dataset: expected a dataset with the inputs and the outputs"
    refused(invalid, large, says, fraction=0.1, dataset=other)
    says = "retraining.dataset: expected samples, got an empty dataset"
    empty = client.create_dataset(unique("empty"), NAMES, ["flow"])
    refused(failed, large, says, fraction=0.1, dataset=empty)
    says = "retraining.alpha"
    refused(invalid, large, says, fraction=0.1, alpha=0.0, beta=0.0)
    pipeline = client.create_pipeline(unique("pipeline"), [large])
    refused(invalid, pipeline, "model: expected a plain network, got a pipeline", fraction=0.1)
    with pytest.raises(sobolev.AlreadyExistsError, match="is a pipeline"):
        client.prune(large, fraction=0.1, into=pipeline.id)


def test_a_model_whose_dataset_is_gone_is_pruned_but_not_retrained(client):
    x = np.random.default_rng(1).uniform(-1, 1, (60, 2))
    dataset = client.create_dataset(unique("gone"), ["a", "b"], ["u"])
    dataset.append(x, x.prod(axis=1))
    options = {"hidden": [6, 6], "epochs": 1, "model": unique("orphan")}
    model = client.train(dataset=dataset, **options).wait(progress=False)
    dataset.delete()
    report = prune(client, model, fraction=0.3).pruning
    assert report.source_errors is None and report.result_errors is None
    with pytest.raises(sobolev.FailedPreconditionError, match=r"retraining\.dataset: expected a"):
        client.prune(model, fraction=0.3, retrain=True)


def test_a_pruning_is_cancelled(client, large):
    job = client.prune(large, into=unique("never"), fraction=0.5, steps=1_000_000)
    next(event for event in job.watch() if event.progress is not None)
    assert (job.kind, job.source_model, job.dataset) == (
        *("prune", large.name),
        large.report.dataset,
    )
    job.cancel()
    with pytest.raises(sobolev.JobCancelledError):
        job.wait(progress=False)


def test_a_request_id_makes_one_job(client, large):
    options = {"into": unique("once"), "fraction": 0.2, "request_id": unique("prune")}
    assert client.prune(large, **options).name == client.prune(large, **options).name
    with pytest.raises(sobolev.InvalidArgumentError, match="request_id"):
        client.prune(large, **{**options, "fraction": 0.3})


def test_validate_only_starts_nothing(wire, large):
    request = pruning_pb2.PruneRequest(
        model=large.name, target={"fraction": 0.5}, validate_only=True
    )
    job = jobs_pb2.Job.FromString(wire.unary("ModelService.Prune", request))
    assert job.name == ""
    assert job.source_model == large.name
    assert job.kind == jobs_pb2.Job.KIND_PRUNE


def test_the_same_request_gives_the_same_bits(client, large):
    options = {"fraction": 0.5, "steps": 100, "certificate_boxes": 0}
    first = prune(client, large, **options)
    assert prune(client, large, **options).weights_sha256 == first.weights_sha256
    assert prune(client, large, seed=2, **options).weights_sha256 != first.weights_sha256


def test_in_a_part_of_the_domain_more_can_go(client, large):
    middle = large.domain.mean(axis=1, keepdims=True)
    box = middle + 0.2 * (large.domain - middle)
    whole = prune(client, large, fraction=0.7, certificate_boxes=0)
    part = prune(client, large, fraction=0.7, box=box, certificate_boxes=0)
    np.testing.assert_allclose(part.domain, box)
    assert part.pruning.result.value < whole.pruning.result.value / 2
    # By the samples that lie there, of which there are none in eight dimensions.
    assert part.pruning.result_errors is None
    box[2:] = large.domain[2:]
    retrained = prune(client, large, fraction=0.7, box=box, steps=100, certificate_boxes=0)
    training = retrained.report
    assert 10 < training.training_samples + training.validation_samples < 1024 // 10
    require_right_jacobians(part)


def test_a_version_for_a_box_is_known_to_hold_there_only(client, large):
    box = large.domain.copy()
    box[0, 1] = box[0].mean()
    part = prune(client, large, fraction=0.6, box=box, certificate_boxes=0)
    np.testing.assert_array_equal(part.domain, box)
    x = inside(large.domain, 1000, 8)
    np.testing.assert_array_equal(part.in_domain(x), x[:, 0] <= box[0, 1])
    assert large.in_domain(x).all()

    low, high = box[0]
    beyond = {"rw": (low, np.nextafter(high, np.inf))}
    says = r"box\[0\]: expected a range within the domain of the model"
    for refused in (
        lambda: part.bound(beyond),
        lambda: part.certify({"flow": (None, 1.0)}, bounds=beyond),
        lambda: part.significance(beyond),
    ):
        with pytest.raises(sobolev.InvalidArgumentError, match=says):
            refused()
    bounds = part.bound(max_boxes=10)
    np.testing.assert_array_equal(bounds.box, box)
    y = part.predict(inside(box, 10_000, 9))
    assert bounds.value_min[0] <= y.min() and y.max() <= bounds.value_max[0]
    with pytest.raises(sobolev.InvalidArgumentError, match=r"box\[0\]: expected"):
        client.prune(part, fraction=0.1, box=large.domain)
    # What is made of it holds there only, too.
    smaller = prune(client, part, fraction=0.1, certificate_boxes=0)
    np.testing.assert_array_equal(smaller.domain, box)
    pipeline = client.create_pipeline(unique("part"), [part])
    np.testing.assert_array_equal(pipeline.domain, box)


# ---- The command line ----------------------------------------------------------------------------


def test_the_command_prints_the_report(cli, large):
    into = unique("cli")
    options = ("--fraction", "0.5", "--steps", "100", "--certificate-boxes", "100")
    result = cli.run("model", "prune", large.name, "--into", into, *options)
    assert result.returncode == 0, result.stderr
    assert "finished" in result.stderr
    for text in (
        f"pruned from  {large.name}",
        *("multiply-adds, Jacobian", "held-out, same size from scratch", "largest difference"),
        "d flow / d Tu",
    ):
        assert text in result.stdout, result.stdout
    assert cli.ok("model", "show", into) == result.stdout
    shown = cli.json("model", "show", into)["pruning"]
    assert shown["source"] == large.name
    assert len(shown["certificate"]["jacobian"]) == 8
    assert shown["retraining"]["epochs"] > 0
    job = cli.json("job", "show", shown["job"])
    assert (job["kind"], job["source_model"]) == ("prune", large.name)
    assert "prune" in cli.ok("job", "list")


def test_the_command_takes_boxes_and_refuses_nonsense(cli, large):
    into = unique("cli")
    low, high = large.domain[0]
    middle = (low + high) / 2
    common = ["model", "prune", large.name, "--into", into, "--certificate-boxes", "0"]
    made = json.loads(
        cli.ok("--json", *common, "--bounds", f"rw={low}:{middle}", "--max-error", "0.05")
    )
    assert made["model_version"]["pruning"]["box"][0] == {"min": low, "max": middle}
    assert made["model_version"]["pruning"]["result"]["value"] <= 0.05
    shown = cli.ok("model", "show", into)
    assert re.search(rf"pruned for +from +to\nrw +{low:.6g} +{middle:.6g}\n", shown), shown
    # An end that is left out is that of the domain, which a refusal says to the last bit.
    half = json.loads(cli.ok("--json", *common, "--bounds", f"rw=:{middle}", "--fraction", "0.5"))
    assert half["model_version"]["pruning"]["box"][0] == {"min": low, "max": middle}
    wrong = cli.run(*common, "--fraction", "0.5", "--bounds", "rw=-1e300:1e300")
    assert wrong.returncode == 1 and "got -1e+300:1e+300" in wrong.stderr
    assert len(wrong.stderr) < 300
    allowed = re.search(r"rw=[^,]+", wrong.stderr)
    assert allowed[0] == f"rw={float(low)!r}:{float(high)!r}"
    cli.ok(*common, "--fraction", "0.5", "--bounds", allowed[0])
    wrong = cli.run(*common, "--fraction", "0.5", "--bounds", "z=0:1")
    assert wrong.returncode == 2 and '"z" is no input' in wrong.stderr
    wrong = cli.run(*common, "--fraction", "0.5", "--rule", "best")
    assert wrong.returncode == 2 and "expected interval, magnitude" in wrong.stderr
    wrong = cli.run(*common, "--fraction", "0")
    assert wrong.returncode == 1 and "target.fraction: expected at least 0.0208" in wrong.stderr
    wrong = cli.run(*common)
    assert wrong.returncode == 1 and "target: expected one of fraction" in wrong.stderr
    failed = cli.run(*common, "--max-error", "1e-9")
    assert failed.returncode == 4 and "target.value_error: expected at least" in failed.stderr


def test_the_command_prunes_for_parts_of_the_domain(cli, large):
    into = unique("parts")
    common = ["model", "prune", large.name, "--into", into, "--certificate-boxes", "50"]
    shown = cli.ok(*common, "--max-error", "0.05", "--split", "rw=3").splitlines()
    assert shown[0].startswith("version") and len(shown) == 4
    ends = np.linspace(*large.domain[0], 4)
    for row, low, high in zip(shown[1:], ends, ends[1:]):
        name, *numbers = row.split()
        assert numbers[:2] == [f"{low:.6g}", f"{high:.6g}"]
        version = cli.json("model", "show", name)
        assert version["domain"][1:] == [{"min": a, "max": b} for a, b in large.domain[1:]]
        assert version["pruning"]["result"]["value"] <= 0.05
        assert version["pruning"]["after"]["jacobian_multiply_adds"] == int(numbers[3])
        bound = version["pruning"]["certificate"]["value"][0]
        assert float(numbers[-1]) == pytest.approx(bound["proved"], rel=1e-5)
    made = json.loads(cli.ok("--json", *common, "--fraction", "0.5", "--split", "r=2"))
    assert len(made["model_versions"]) == 2
    detached = cli.ok(*common, "--fraction", "0.5", "--split", "r=2", "--detach").split()
    assert [cli.json("job", "show", name)["kind"] for name in detached] == ["prune"] * 2
    for options, says in (
        (["--split", "rw=1"], "--split: expected INPUT=K with K from 2 to 64"),
        (["--split", "rw"], "--split: expected INPUT=K with K from 2 to 64"),
        (["--split", "z=2"], '--split: "z" is no input of'),
    ):
        wrong = cli.run(*common, "--fraction", "0.5", *options)
        assert wrong.returncode == 2 and says in wrong.stderr
    common = ["model", "prune", large.name, "--fraction", "0.5", "--split", "rw=2"]
    for options in ([], ["--into", large.name.split("/")[1]]):
        wrong = cli.run(*common, *options)
        assert wrong.returncode == 2 and "--split: expected --into" in wrong.stderr
