"""What is proved over boxes, through the service: bounds, certificates, significance."""

from __future__ import annotations

import math
import time

import grpc
import numpy as np
import pytest
from contract import METHODS, Call
from google.protobuf import message_factory, text_format
from naming import unique
from wire import refusal

import sobolev
from sobolev._stubs import prediction_pb2

# Of the rounding of predictions, which bounds in exact arithmetic know nothing of.
ROUNDING = 1e-11

LOGARITHM = """input x0 in [1, 36000]
input x1 in [1, 36000]
output y = log(x0 * x1) / 10 + x1 / 100
"""
WAVES = """input a in [-1, 1]
input b in [-1, 1]
input c in [-1, 1]
output u = sin(a) + a * b
output v = b * exp(c / 2)
"""


def points(box: np.ndarray, count: int = 20_000) -> np.ndarray:
    """Random points of a box [n, 2] and all its corners."""
    rng = np.random.default_rng(7)
    inside = box[:, 0] + rng.uniform(size=(count, len(box))) * (box[:, 1] - box[:, 0])
    corners = np.stack(np.meshgrid(*box), axis=-1).reshape(-1, len(box))
    return np.clip(np.concatenate([inside, corners]), box[:, 0], box[:, 1])


def within(numbers: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
    slack = ROUNDING * (1 + np.abs(numbers))
    return bool(((low - slack <= numbers) & (numbers <= high + slack)).all())


@pytest.fixture(scope="module")
def client(server):
    with sobolev.Client(server.grpc, timeout=120) as connected:
        yield connected


@pytest.fixture(scope="module")
def waves(client) -> sobolev.Program:
    return client.create_program(unique("waves"), WAVES)


@pytest.fixture(scope="module")
def models(client, waves) -> dict[str, sobolev.Model]:
    """Models of the waves by kind; of the network two versions."""
    dataset = waves.sample_into(unique("waves"), 400)
    network = {"model": unique("net"), "hidden": [16, 16], "optimizer": "adam"}
    jobs = {
        "first": client.train(dataset=dataset, epochs=300, **network),
        "polynomial": client.train(dataset=dataset, model=unique("poly"), kind="polynomial"),
        "composed": client.train(
            dataset=dataset, model=unique("composed"), hidden=[12, 12], epochs=200, lower={"u": -9}
        ),
    }
    trained = {name: job.wait(progress=False) for name, job in jobs.items()}
    second = client.train(dataset=dataset, epochs=400, **network).wait(progress=False)
    pipeline = client.create_pipeline(
        unique("pipe"),
        [
            sobolev.Stage(trained["first"], name="net"),
            sobolev.Stage(
                client.create_program(unique("end"), "input u\ninput v\noutput w = u * v"),
                name="end",
            ),
        ],
    )
    return {**trained, "second": second, "pipeline": pipeline}


@pytest.mark.parametrize("kind", ["first", "polynomial", "composed", "pipeline"])
@pytest.mark.parametrize("where", [None, {"a": (-0.3, -0.1), "b": (0.2, 0.6)}])
def test_no_sampled_point_is_outside_of_the_bounds(models, kind, where):
    model = models[kind]
    found = model.bound(where, jacobian=True, max_boxes=200)
    assert found.function == model.name
    if where is None:
        np.testing.assert_array_equal(found.box, model.domain)
    else:
        assert found.box[0].tolist() == [-0.3, -0.1]
        np.testing.assert_array_equal(found.box[2], model.domain[2])
    value, jacobian = model.value_and_jacobian(points(found.box))
    assert within(value, found.value_min, found.value_max)
    assert within(jacobian, found.jacobian_min, found.jacobian_max)
    assert within(found.sampled_value_max, found.value_min, found.value_max)
    assert within(found.sampled_jacobian_min, found.jacobian_min, found.jacobian_max)
    assert found.boxes <= 200


def test_more_boxes_give_tighter_bounds_and_the_same_call_the_same_bits(models):
    def width(boxes: int) -> np.ndarray:
        found = models["first"].bound(max_boxes=boxes, jacobian=True, tolerance=0)
        assert not found.tight
        return found.jacobian_max - found.jacobian_min

    assert (width(1000) <= width(1)).all()
    assert width(1000).sum() < 0.7 * width(1).sum()
    np.testing.assert_array_equal(width(500), width(500))


def test_bounds_of_a_product_are_the_known_ones(client):
    product = client.create_program(
        unique("product"), "input a in [-1, 2]\ninput b in [3, 4]\noutput y = a * b\n"
    )
    found = product.bound(jacobian=True)
    # Exactly [-4, 8], and dy/da = b, dy/db = a.
    assert -4.05 <= found.value_min[0] <= -4 and 8 <= found.value_max[0] <= 8.05
    np.testing.assert_allclose(found.jacobian_min, [[3, -1]], rtol=1e-12)
    np.testing.assert_allclose(found.jacobian_max, [[4, 2]], rtol=1e-12)
    assert found.tight
    elsewhere = product.bound({"a": (5, 6)}, jacobian=False)
    assert elsewhere.value_min[0] == pytest.approx(15) and elsewhere.jacobian_min is None


def test_values_alone_are_bounded_by_what_derivatives_say_too(models):
    """The mean value theorem, of which the bounds of the derivatives are not asked for."""
    box = {"a": (0.1, 0.12), "b": (0.3, 0.32), "c": (-0.2, -0.18)}
    alone = models["polynomial"].bound(box, max_boxes=1)
    x = points(alone.box)
    value = models["polynomial"].predict(x)
    width = value.max(axis=0) - value.min(axis=0)
    assert within(value, alone.value_min, alone.value_max)
    assert (alone.value_max - alone.value_min <= 1.2 * width).all()


def test_the_difference_of_two_versions_is_bounded(models):
    first, second = models["first"], models["second"]
    found = second.bound(compare_to=first, jacobian=True, max_boxes=3000)
    assert found.compared_to == first.name
    x = points(found.box)
    values = second.predict(x) - first.predict(x)
    jacobians = second.jacobian(x) - first.jacobian(x)
    assert within(values, found.value_min, found.value_max)
    assert within(jacobians, found.jacobian_min, found.jacobian_max)
    for (sampled, proved), truth in (
        (found.largest_value, np.abs(values).max(axis=0)),
        (found.largest_jacobian, np.abs(jacobians).max(axis=0)),
    ):
        assert (sampled <= proved).all()
        assert (truth <= proved + ROUNDING).all()
    none = first.bound(compare_to=first.name)
    assert none.largest_value[1].max() < 1e-9


def test_a_model_is_compared_to_the_function_it_stands_for(models, waves):
    found = models["polynomial"].bound(compare_to=waves, max_boxes=2000)
    assert found.compared_to == waves.name
    x = points(found.box)
    error = np.abs(models["polynomial"].predict(x) - waves(x)).max(axis=0)
    assert (error <= found.largest_value[1] + ROUNDING).all()


def test_a_certificate_agrees_with_dense_samples(models):
    model = models["first"]
    certificate = model.certify(
        {"u": (None, 0.8)}, {("u", "a"): 1.5, ("*", "b"): 1.2}, max_boxes=4000, max_pieces=1000
    )
    shares = certificate.proved, certificate.violated, certificate.refuted, certificate.undecided
    assert sum(shares) == pytest.approx(1)
    assert certificate.proved > 0.2 and certificate.violated > 0.05

    def holds(x: np.ndarray) -> np.ndarray:
        value, jacobian = model.value_and_jacobian(x)
        return (
            (value[:, 0] <= 0.8)
            & (np.abs(jacobian[:, 0, 0]) <= 1.5)
            & (np.abs(jacobian[:, :, 1]) <= 1.2).all(axis=1)
        )

    share = holds(points(certificate.box, 100_000)).mean()
    assert certificate.proved - 0.01 <= share <= 1 - certificate.violated + 0.01
    volumes = dict.fromkeys(("proved", "violated", "refuted", "undecided"), 0.0)
    for piece in certificate.pieces:
        sides = (piece.box[:, 1] - piece.box[:, 0]) / (
            certificate.box[:, 1] - certificate.box[:, 0]
        )
        volumes[piece.verdict] += sides.prod()
    assert volumes["proved"] <= certificate.proved * (1 + 1e-12)
    for piece in [p for p in certificate.pieces if p.verdict in ("proved", "violated")][::20]:
        assert (holds(points(piece.box, 200)) == (piece.verdict == "proved")).all()
    refuted = [p for p in certificate.pieces if p.verdict == "refuted"]
    assert refuted
    examples = np.array([p.counter_example for p in refuted])
    assert not holds(examples).any()
    for piece, x in zip(refuted, examples):
        assert (piece.box[:, 0] <= x).all() and (x <= piece.box[:, 1]).all()


def test_a_program_is_certified_on_just_the_part_where_it_holds(client):
    total = client.create_program(
        unique("total"), "input a in [0, 1]\ninput b in [0, 1]\noutput y = a + b\n"
    )
    certificate = total.certify({"y": (None, 1)}, max_boxes=3000)
    assert 0.48 < certificate.proved <= 0.5 and 0.48 < certificate.violated <= 0.5
    assert total.certify({"*": (0, 2)}).proved == 1
    assert total.certify(derivatives=1).proved == 1
    assert total.certify(derivatives=0.9).violated == 1


def test_the_logarithm_has_its_published_significances(client):
    program = client.create_program(unique("logarithm"), LOGARITHM)
    found = program.significance()
    assert found.outputs == ("y",)
    sigma = {vertex.operation: vertex.sigma[0] for vertex in found.vertices}
    assert sigma["multiply(x0, x1)"] == pytest.approx(129_599_999.9, abs=0.05)
    assert sigma["log(v2)"] == pytest.approx(2.098254843, abs=1e-9)
    assert sigma["divide(x1, 100)"] == pytest.approx(359.99)
    assert found.inputs[0].sigma[0] == pytest.approx(129_596_400, abs=1)
    assert found.inputs[1].sigma[0] == pytest.approx(129_596_760, abs=1)
    low, high = found.values[0]
    assert high - low == pytest.approx(362.0882548, abs=1e-6)
    for pieces, published, half_digit in (
        (4, 70.4, 0.05),
        (8, 8.05, 0.005),
        (16, 2.86, 0.005),
        (64, 1.34, 0.005),
    ):
        cut = program.significance(geometric_cuts={"x0": pieces, "x1": pieces})
        assert cut.inputs[0].sliced_sigma[0] == pytest.approx(published, abs=half_digit)
    uniform = program.significance(cuts={"x0": 64, "x1": 64})
    assert uniform.inputs[0].sliced_sigma[0] == pytest.approx(31_961, abs=0.5)
    # What x0 does: at most 0.1 (log 36000 - log 1).
    assert found.inputs[0].sampled[0] < 0.1 * 36_000
    listed = program.significance(max_vertices=1)
    assert listed.vertex_count == 5 and len(listed.vertices) == 1


def test_halves_of_the_box_tighten_what_operations_of_programs_matter(client):
    # u lies in [-1/4, 0] and has the slope 2u, where natural intervals say [-1, 1].
    source = "input x in [0, 1]\nlet u = x^2 - x\noutput y = u * u\n"
    program = client.create_program(unique("parabola"), source)

    def of_u(max_boxes):
        vertices = program.significance(max_boxes=max_boxes).vertices
        return next(vertex for vertex in vertices if vertex.operation.startswith("subtract("))

    assert of_u(1).sigma[0] == pytest.approx(4)
    assert of_u(1).relaxed_sigma[0] == pytest.approx(4)
    assert 0.125 <= of_u(100).relaxed_sigma[0] < 0.25
    assert 0.125 <= of_u(10_000).relaxed_sigma[0] < 0.126


def test_what_is_proved_of_a_network_is_never_below_what_is_sampled(models):
    model = models["first"]
    found = model.significance(edges=True, cuts={"a": 4})
    assert [each.name for each in found.inputs] == ["a", "b", "c"]
    width = model.domain[:, 1] - model.domain[:, 0]
    largest = np.abs(model.jacobian(points(model.domain))).max(axis=0)
    for j, each in enumerate(found.inputs):
        effect = width[j] * largest[:, j]
        for proved in (each.sigma, each.relaxed_sigma, each.sliced_sigma):
            assert (effect <= proved * (1 + ROUNDING)).all() or proved is each.sliced_sigma
            assert (each.sampled <= proved).all()
        assert (each.sliced_sigma <= each.sigma).all()
    # By relaxation c does nearly nothing to u, of which it is no input.
    assert found.inputs[2].relaxed_sigma[0] < 0.2 * found.inputs[0].relaxed_sigma[0]
    assert found.inputs[2].total_sobol_bound[0] < 0.01
    assert [layer.sigma.shape for layer in found.layers] == [(16, 2), (16, 2)]
    for layer in found.layers:
        assert (layer.sampled <= layer.sigma).all()
        assert (layer.sampled <= layer.relaxed_sigma).all()
        assert layer.relaxed_sigma.sum() < 0.8 * layer.sigma.sum()
        assert (layer.value_min <= layer.value_max).all()
    assert [edges.shape for edges in found.edges] == [(2, 16, 3), (2, 16, 16), (2, 2, 16)]


def test_total_sobol_bounds_of_a_linear_function_are_the_known_ones(client):
    linear = client.create_program(
        unique("linear"), "input a in [0, 1]\ninput b in [0, 1]\noutput y = 3 * a + b\n"
    )
    a, b = linear.significance(samples=20_000).inputs
    # S_a = 9/10, and the inequality is 12/pi^2 from being one of equality.
    assert a.total_sobol_bound[0] == pytest.approx(0.9 * 12 / math.pi**2, rel=0.03)
    assert b.total_sobol_bound[0] == pytest.approx(0.1 * 12 / math.pi**2, rel=0.03)
    assert a.sampled[0] == pytest.approx(3 / math.sqrt(12), rel=0.03)
    assert a.sigma[0] == pytest.approx(3) and a.relaxed_sigma[0] == pytest.approx(3)


def test_other_kinds_have_significant_inputs_alone(models):
    found = models["polynomial"].significance()
    assert not found.layers and not found.vertices
    for each in found.inputs:
        assert each.sliced_sigma is None
        assert (each.sampled <= each.relaxed_sigma).all()
        assert (each.relaxed_sigma <= each.sigma * (1 + ROUNDING)).all()


def test_points_without_value_count_for_nothing(client):
    root = client.create_program(unique("root"), "input x in [-1, 1]\noutput y = sqrt(x)\n")
    found = root.significance(samples=1000)
    assert 400 < found.invalid_samples < 600
    bounds = root.bound({"x": (-3, -2)})
    assert np.isnan(bounds.sampled_value_min).all() and bounds.value_min[0] <= bounds.value_max[0]


REFUSED = [
    ("PredictionService.Bound", "", "INVALID_ARGUMENT", "function: expected a model or a program"),
    ("PredictionService.Bound", 'model: "models/nobody"', "NOT_FOUND", "nobody"),
    ("PredictionService.Bound", 'program: "programs/nobody"', "NOT_FOUND", "nobody"),
    ("PredictionService.Certify", 'model: "models/nobody"', "NOT_FOUND", "nobody"),
    ("ModelService.AnalyzeSignificance", 'model: "models/nobody"', "NOT_FOUND", "nobody"),
    *(
        ("PredictionService.Bound", 'model: "models/bad-input" ' + rest, code, says)
        for rest, code, says in (
            ('compare_to: "models/nobody"', "NOT_FOUND", "compare_to"),
            ('compare_to: "programs/nobody"', "NOT_FOUND", "compare_to"),
            ('compare_to: "programs/other"', "INVALID_ARGUMENT", "compare_to: expected a function"),
            (
                "box { min: 0 max: 1 }",
                "INVALID_ARGUMENT",
                "box: expected 2 ranges, one for each of a, b, got 1",
            ),
            (
                "box { min: 0 max: 1 } box { min: 0.5 max: 0.25 }",
                "INVALID_ARGUMENT",
                "box[1].min: expected at most max = 0.25, got 0.5; exchange the two",
            ),
            (
                "box { min: 0 max: 1e6 } box { min: 0 max: 1 }",
                "INVALID_ARGUMENT",
                "box[0]: expected a range within the domain of the model, a=",
            ),
            ("max_boxes: 0", "INVALID_ARGUMENT", "max_boxes: expected 1 to 1000000, got 0"),
            ("max_boxes: 1000001", "INVALID_ARGUMENT", "max_boxes: expected 1 to 1000000"),
            ("tolerance: 2", "INVALID_ARGUMENT", "tolerance: expected 0 to 1, got 2"),
            ("sample_count: 0", "INVALID_ARGUMENT", "sample_count: expected 1 to"),
            ("quantities: QUANTITY_HESSIAN", "INVALID_ARGUMENT", "quantities: expected QUANTITY_V"),
        )
    ),
    *(
        ("PredictionService.Certify", 'model: "models/bad-input" ' + rest, "INVALID_ARGUMENT", says)
        for rest, says in (
            ("", "values: expected at least one condition"),
            ('values { output: "u" }', "values[0]: expected a lower or an upper bound"),
            ('values { output: "w" min: 0 }', 'values[0].output: expected one of u, got "w"'),
            ("values { min: 2 max: 1 }", "values[0].min: expected at most max = 1"),
            ("derivatives { }", "derivatives[0].most: expected the largest magnitude"),
            ("derivatives { most: -1 }", "derivatives[0].most: expected a number >= 0"),
            ('derivatives { input: "w" most: 1 }', "derivatives[0].input: expected one of a, b"),
            ("values { min: 0 } max_pieces: 10001", "max_pieces: expected 0 to 10000"),
        )
    ),
    *(
        ("ModelService.AnalyzeSignificance", 'model: "models/bad-input" ' + rest, code, says)
        for rest, code, says in (
            (
                'cuts { input: "a" pieces: 2 } cuts { input: "a" pieces: 2 }',
                "INVALID_ARGUMENT",
                'cuts[1].input: expected each input once, got "a" twice',
            ),
            (
                'cuts { input: "a" pieces: 2048 } cuts { input: "b" pieces: 2048 }',
                "INVALID_ARGUMENT",
                "cuts[1].pieces: expected at most",
            ),
            (
                'cuts { input: "a" pieces: 2 geometric: true }',
                "INVALID_ARGUMENT",
                "cuts[0].geometric: expected a range of positive numbers",
            ),
            ("sample_count: 1", "INVALID_ARGUMENT", "sample_count: expected 2 to"),
        )
    ),
    (
        "ModelService.AnalyzeSignificance",
        'program: "programs/bad-input" edges: true',
        "FAILED_PRECONDITION",
        "edges: expected a network",
    ),
    (
        "PredictionService.Bound",
        'program: "programs/other"',
        "INVALID_ARGUMENT",
        'box: expected a range for each input, because "z" has no bounds of its own',
    ),
]


@pytest.mark.parametrize(
    ("method", "text", "code", "says"), REFUSED, ids=[f"{r[0]} {r[1]}"[:90] for r in REFUSED]
)
def test_what_cannot_be_bounded_is_refused(wire, client, method, text, code, says):
    client.create_program("other", "input z\noutput u = z")
    message = message_factory.GetMessageClass(METHODS[method].input_type)()
    text_format.Parse(text, message)
    refusal(lambda: Call(method).send(wire.channel, message)).require(code, says=says)


def test_models_that_are_no_networks_have_no_weights_and_no_grid(models):
    with pytest.raises(sobolev.FailedPreconditionError, match="edges: expected a network"):
        models["pipeline"].significance(edges=True)
    with pytest.raises(sobolev.FailedPreconditionError, match="cuts: expected a network or a prog"):
        models["polynomial"].significance(cuts={"a": 2})
    with pytest.raises(sobolev.InvalidArgumentError, match="'z' is no input"):
        models["first"].bound({"z": (0, 1)})


def test_what_would_take_too_much_is_refused_before_it_begins(client):
    rng = np.random.default_rng(3)
    x, y = rng.uniform(size=(40, 512)), rng.uniform(size=(40, 256))
    model = client.train(x, y, model=unique("large"), hidden=[4], epochs=1).wait(progress=False)
    with pytest.raises(sobolev.FailedPreconditionError, match="model: expected a function of wh"):
        model.bound(jacobian=True)
    # A derivative for each of 2^17 pairs is not kept for a thousand boxes.
    with pytest.raises(
        sobolev.InvalidArgumentError, match=r"max_boxes: expected 1 to 5[0-9]* boxes"
    ):
        model.bound(jacobian=True, max_boxes=1000)
    with pytest.raises(sobolev.InvalidArgumentError, match=r"cuts\[0\].pieces: expected at most"):
        model.significance(cuts={"x0": 100_000})
    found = model.significance()
    assert len(found.inputs) == 512 and found.inputs[0].relaxed_sigma is None
    assert (found.inputs[0].sampled <= found.inputs[0].sigma).all()


LONG = {"quantities": [1, 2], "max_boxes": 1_000_000, "tolerance": 0}


def test_a_search_ends_with_the_deadline_and_predictions_go_on_beside_it(server, models):
    """More searches than there are threads for them: nothing else waits, and none stays."""
    model = models["pipeline"]
    with grpc.insecure_channel(server.grpc) as channel:
        bound = channel.unary_unary("/sobolev.v1.PredictionService/Bound")
        request = prediction_pb2.BoundRequest(model=model.name, **LONG).SerializeToString()
        running = [bound.future(request, timeout=300) for _ in range(8)]
        with sobolev.Client(server.grpc, timeout=60) as other:
            fetched = other.model(model.id)
            for _ in range(20):
                fetched.predict(model.domain.mean(axis=1))
            assert len(other.programs()) > 0
        assert not all(call.done() for call in running)
        late = refusal(lambda: bound(request, timeout=0.3))
        assert late.code == grpc.StatusCode.DEADLINE_EXCEEDED
        for call in running:
            call.cancel()
        # Their places are free again, or this one would wait for minutes.
        assert model.bound(max_boxes=1).boxes == 1


def test_a_flood_of_searches_is_turned_away_and_predictions_keep_their_places(make_server):
    server = make_server().start()
    with sobolev.Client(server.grpc) as client, grpc.insecure_channel(server.grpc) as channel:
        client.create_program("waves", WAVES)
        bound = channel.unary_unary("/sobolev.v1.PredictionService/Bound")
        request = prediction_pb2.BoundRequest(program="programs/waves", **LONG).SerializeToString()
        running = [bound.future(request, timeout=300) for _ in range(60)]
        deadline = time.monotonic() + 60
        while sum(call.done() for call in running) < 10:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        codes = {call.code() for call in running if call.done()}
        assert grpc.StatusCode.RESOURCE_EXHAUSTED in codes
        assert client.program("waves")(np.zeros((5000, 3))).shape == (5000, 2)
        for call in running:
            call.cancel()


def test_the_command_line_bounds_and_compares(cli, models, waves):
    first, second = models["first"], models["second"]
    answer = cli.json("model", "bound", first.name, "--bounds", "a=0:0.5", "--jacobian")
    assert answer["function"] == first.name
    assert answer["box"]["a"] == {"min": 0, "max": 0.5}
    found = first.bound({"a": (0, 0.5)}, jacobian=True)
    assert answer["bounds"]["u"]["min"] == found.value_min[0]
    assert answer["bounds"]["dv/dc"]["max"] == found.jacobian_max[1, 2]
    assert answer["bounds"]["v"]["sampled_max"] == found.sampled_value_max[1]
    compare = ("model", "bound", first.id, "--compare-to", first.name)
    compared = cli.json(*compare, "--max-boxes", "2000")
    assert compared["function"] == second.name and compared["compared_to"] == first.name
    entry = compared["bounds"]["u"]
    assert 0 < entry["largest_sampled"] <= entry["largest_proved"]
    assert "largest difference of" in cli.ok(*compare)
    assert "sampled max" in cli.ok("model", "bound", "--program", waves.id)


def test_the_command_line_certifies(cli, waves):
    arguments = ("--value", "u=:0.5", "--derivative", "*/b=1.7", "--pieces", "3")
    answer = cli.json("model", "certify", "--program", waves.id, *arguments)
    certificate = waves.certify({"u": (None, 0.5)}, {("*", "b"): 1.7}, max_pieces=3)
    for verdict in ("proved", "violated", "refuted", "undecided"):
        assert answer[verdict] == getattr(certificate, verdict)
    assert [piece["verdict"] for piece in answer["pieces"]] == [
        piece.verdict for piece in certificate.pieces
    ]
    assert list(answer["pieces"][0]["box"]) == ["a", "b", "c"]
    text = cli.ok("model", "certify", "--program", waves.id, *arguments)
    assert f"{100 * certificate.proved:.3g}%" in text


def test_the_command_line_shows_significance(cli, client, models):
    program = client.create_program(unique("log-cli"), LOGARITHM)
    cut = ("--cut", "x0=8:geometric", "--cut", "x1=8:geometric")
    answer = cli.json("model", "significance", "--program", program.id, *cut)
    assert answer["inputs"]["x0"]["sliced_sigma"][0] == pytest.approx(8.05, abs=0.005)
    assert {vertex["operation"] for vertex in answer["vertices"]} >= {"log(v2)"}
    text = cli.ok("model", "significance", "--program", program.id)
    assert "log(v2)" in text and "2.09825" in text
    network = cli.json("model", "significance", models["first"].name, "--edges")
    assert len(network["layers"]) == 2 and len(network["layers"][0]["sigma"]) == 16
    assert len(network["edges"]) == 3 and len(network["edges"][0][1]) == 16
    assert "largest sigma" in cli.ok("model", "significance", models["first"].name)


def test_the_command_line_names_the_option_of_a_field(cli, models):
    refused = cli.run("model", "bound", models["first"].name, "--samples", "2000000000")
    assert refused.returncode == 1
    assert refused.stderr.startswith("sobolev: INVALID_ARGUMENT (OUT_OF_RANGE): sample_count: ")
    assert refused.stderr.endswith("\nsample_count is set by --samples.\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["bound"], "MODEL: expected either a model or --program"),
        (["bound", "x", "--program", "y"], "MODEL: expected either a model or --program"),
        (["bound", "x", "--max-boxes", "-1"], "--max-boxes"),
        (["bound", "x", "--bounds", ""], "--bounds: expected a text, got none"),
        (["certify", "x", "--value", "u"], "--value: expected OUTPUT=[MIN]:[MAX]"),
        (["certify", "x", "--value", "u=:"], "--value: expected OUTPUT=[MIN]:[MAX]"),
        (["certify", "x", "--derivative", "u=1"], "--derivative: expected [OUTPUT/INPUT=]MOST"),
        (["certify", "x", "--derivative", "-1"], "--derivative"),
        (["significance", "x", "--cut", "a"], "--cut: expected INPUT=PIECES"),
        (["significance", "x", "--cut", "a=0"], "--cut: expected INPUT=PIECES"),
        (["significance", "x", "--cut", "a=2:log"], "--cut: expected INPUT=PIECES"),
    ],
)
def test_the_command_line_names_the_option_that_is_wrong(cli, arguments, says):
    refused = cli.run("model", *arguments)
    assert refused.returncode == 2
    assert says in refused.stderr
