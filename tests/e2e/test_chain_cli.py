"""`sobolev chain`: plans from files, and what it says of bad ones. Asks no server."""

from __future__ import annotations

import json
import pathlib

import pytest
from command_line import Cli

INSTANCES = pathlib.Path(__file__).parent.parent / "engine/chain/instances"


@pytest.fixture(scope="module")
def offline(tmp_path_factory) -> Cli:
    """The command line, with nobody to call."""
    return Cli("localhost:1", tmp_path_factory.mktemp("chain"))


def solve(offline: Cli, factors: list[dict], *options: str) -> dict:
    return offline.json("chain", "solve", "-", *options, stdin=json.dumps({"factors": factors}))


def refusal(offline: Cli, text: str, *options: str) -> str:
    result = offline.run("--json", "chain", "solve", "-", *options, stdin=text)
    assert result.returncode == 2
    return json.loads(result.stderr)["error"]["message"]


@pytest.mark.parametrize(
    ("length", "tangent", "adjoint", "preaccumulation", "optimum"),
    [
        (10, 3_708, 5_562, 2_618, 1_344),
        (50, 1_283_868, 1_355_194, 1_687_575, 71_668),
        (100, 3_677_565, 44_866_293, 40_880_996, 1_471_636),
        (250, 585_023_794, 1_496_126_424, 1_196_618_622, 9_600_070),
        (500, 21_306_718_862, 19_518_742_454, 18_207_565_409, 149_147_898),
    ],
)
def test_published_chains_have_their_published_costs(
    offline, length, tangent, adjoint, preaccumulation, optimum
):
    answer = offline.json("chain", "solve", str(INSTANCES.resolve() / f"published_{length}.txt"))
    assert answer["tangent"] == tangent
    assert answer["adjoint"] == adjoint
    assert answer["preaccumulation"] == preaccumulation
    assert answer["optimum"] == optimum
    assert sum(step["cost"] for step in answer["steps"]) == optimum


def test_plain_text_and_json_are_the_same_chain(offline):
    text = offline.ok("chain", "random", "--length", "12", "--max-size", "30", "--seed", "5")
    as_json = offline.ok("--json", "chain", "random", "--length=12", "--max-size=30", "--seed=5")
    plain = offline.json("chain", "solve", "-", stdin=text)
    assert plain == offline.json("chain", "solve", "-", stdin=as_json)
    for limit, more in (("0", "1"), ("1", "1000000")):
        optima = [
            offline.json("chain", "solve", "-", "--tape-memory", edges, stdin=text)["optimum"]
            for edges in (limit, more)
        ]
        assert optima[0] >= optima[1] >= plain["optimum"]


def test_the_tree_is_printed(offline):
    assert offline.ok("chain", "solve", "-", stdin="3\n3 3 29\n1 3 14\n2 1 7\n") == (
        "tangent          150\n"
        "adjoint          100\n"
        "preaccumulation  123\n"
        "optimum          56\n"
        "\n"
        "F'1..3: product of  (6)\n"
        "  F'3: tangents of factor 3  (7)\n"
        "  F'1..2: adjoints through factor 1 of  (29)\n"
        "    F'2: adjoints of factor 2  (14)\n"
    )


def test_numbers_beyond_doubles_are_strings(offline):
    answer = solve(offline, [{"n": 2, "m": 2, "edges": 2**60}])
    assert answer["optimum"] == str(2**61)
    again = solve(offline, [{"n": "2", "m": 2, "edges": str(2**60)}])
    assert again == answer
    assert not answer["saturated"]
    wide = {"n": 2**62, "m": 2**62, "edges": 2**62}
    assert solve(offline, [wide, wide], "--kind=dense")["saturated"]


def test_matrix_chains_have_given_factors(offline):
    # Cormen, Leiserson, Rivest and Stein, section 15.2; from the input side.
    sizes = [25, 20, 10, 5, 15, 35, 30]
    factors = [{"n": n, "m": m} for n, m in zip(sizes, sizes[1:], strict=False)]
    assert solve(offline, factors, "--kind=dense")["optimum"] == 15_125
    sparse = [{"n": 2, "m": 2, "pattern": ["10", "01"]}, {"n": 2, "m": 2, "pattern": ["11", "01"]}]
    assert solve(offline, sparse, "--kind=sparse")["optimum"] == 3
    # One adjoint carries both rows of the diagonal factor, if they are carried together.
    diagonal = [{"n": 2, "m": 2, "pattern": ["10", "01"]}]
    assert solve(offline, diagonal)["optimum"] == 4
    assert solve(offline, diagonal, "--compress")["optimum"] == 2


def test_workers_end_earlier_with_no_less_work(offline):
    text = offline.ok("chain", "random", "--length=8", "--max-size=40", "--seed=2")
    alone = offline.json("chain", "solve", "-", stdin=text)
    together = offline.json("chain", "solve", "-", "--workers=3", stdin=text)
    assert together["optimum"] <= alone["optimum"] <= together["work"]
    assert together["lower_bound"] <= together["optimum"]
    ends = [int(step["start"]) + int(step["cost"]) for step in together["steps"]]
    assert max(ends) == together["optimum"]


def test_weights_change_the_plan_or_not(offline):
    # Two narrow ends: all in adjoints, but for weights that make them dear.
    factors = [{"n": 6, "m": 6, "edges": 40}, {"n": 6, "m": 5, "edges": 30}]
    alone = solve(offline, factors)
    equal = solve(offline, factors, "--weights=1,1,1")
    assert equal["weighted"]["plan"] == alone["plan"]
    assert equal["weighted"]["cost"] == equal["weighted"]["cost_of_optimum"] == alone["optimum"]
    assert {key: equal[key] for key in alone} == alone
    # Adjoints at twice the price: 5 (30 + 40) 2 = 700 against 6 (30 + 40) = 420 tangents.
    dear = solve(offline, factors, "--weights=1,2,100")
    assert alone["optimum"] == 350
    assert dear["weighted"]["weights"] == [1, 2, 100]
    assert dear["weighted"]["cost_of_optimum"] == 700
    assert dear["weighted"]["cost"] == dear["weighted"]["multiply_adds"] == 420
    assert dear["weighted"]["plan"] == "T2(J1t)"
    together = solve(offline, factors, "--weights=1,2,1", "--workers=2")["weighted"]
    ends = [int(step["start"]) + int(step["cost"]) for step in together["steps"]]
    assert together["makespan"] == max(ends)
    text = json.dumps({"factors": factors})
    assert offline.ok("chain", "solve", "-", "--weights=1,2,100", stdin=text).endswith(
        "\n"
        "With weights 1 for tangents, 2 for adjoints and 100 for products it costs 700. "
        "The best then costs 420:\n"
        "\n"
        "F'1..2: tangents through factor 2 of  (180)\n"
        "  F'1: tangents of factor 1  (240)\n"
    )


def replay(factors: list[dict], answer: dict, weights=(1, 1, 1)) -> tuple[int, int]:
    """What the moves of a plan cost and hold, by carrying them out."""
    of_tangents, of_adjoints, of_products = weights
    values, jacobians, cost, most = {}, {}, 0, 0
    for move in answer["moves"]:
        held = sum(values.values()) + sum(size for _, size in jacobians.values())
        spent = 0
        if move["kind"] == "evaluate":
            value = move["value"]
            assert value == 1 or value - 1 in values
            values[value] = factors[value - 1]["m"]
            held += values[value]
            spent = factors[value - 1]["edges"] * of_tangents
        elif move["kind"] == "drop":
            del values[move["value"]]
        else:
            step = answer["steps"][move["step"]]
            first, last, kind = step["first"], step["last"], step["kind"]
            n, m = factors[first - 1]["n"], factors[last - 1]["m"]
            held += m * n
            by_tangents = "tangent" in kind
            if kind == "product":
                middle, _ = jacobians[first]
                assert jacobians.pop(middle + 1)[0] == last
                spent = m * factors[middle - 1]["m"] * n * of_products
            else:
                through = last if by_tangents else first
                assert through == 1 or through - 1 in values
                edges = factors[through - 1]["edges"]
                spent = (n * of_tangents if by_tangents else m * of_adjoints) * edges
                held += 0 if by_tangents else edges
            if kind == "tangent":
                assert jacobians[first][0] == last - 1
            if kind == "adjoint":
                assert jacobians.pop(first + 1)[0] == last
            jacobians[first] = (last, m * n)
        assert move["cost"] == spent
        assert move["memory"] == held
        cost += spent
        most = max(most, held)
    assert list(jacobians) == [1]
    assert jacobians[1][0] == len(factors)
    return cost, most


@pytest.mark.parametrize("length", [1, 6, 12, 40])
def test_plans_keep_within_a_memory(offline, length):
    text = offline.ok("--json", "chain", "random", f"--length={length}", "--max-size=9")
    factors = json.loads(text)["factors"]
    alone = offline.json("chain", "solve", "-", stdin=text)
    plenty = offline.json("chain", "solve", "-", "--memory", str(2**63), stdin=text)
    evaluation = sum(factor["edges"] for factor in factors[:-1])
    assert plenty["optimum"] == alone["optimum"] + evaluation
    message = refusal(offline, text, "--memory=0")
    least = int(message.removeprefix("memory: expected at least ").split()[0])
    before = plenty["optimum"]
    for memory in (plenty["memory"], (least + plenty["memory"]) // 2, least):
        answer = offline.json("chain", "solve", "-", f"--memory={memory}", stdin=text)
        assert replay(factors, answer) == (answer["optimum"], answer["memory"])
        assert answer["memory"] <= memory
        assert answer["proven_optimal"] == (length <= 8)
        assert answer["optimum"] >= before
        before = answer["optimum"]
    assert f"got {least - 1}" in refusal(offline, text, f"--memory={least - 1}")


@pytest.mark.parametrize("length", [4, 7, 9])
def test_weights_within_a_memory(offline, length):
    text = offline.ok("--json", "chain", "random", f"--length={length}", "--max-size=9")
    factors = json.loads(text)["factors"]
    most = offline.json("chain", "solve", "-", "--memory", str(2**63), stdin=text)["memory"]
    answer = offline.json("chain", "solve", "-", f"--memory={most}", "--weights=3,1,2", stdin=text)
    weighted = answer["weighted"]
    cost, memory = replay(factors, weighted, (3, 1, 2))
    assert (cost, memory) == (weighted["cost"], weighted["memory"])
    assert memory <= most
    assert weighted["multiply_adds"] >= answer["optimum"]
    assert cost <= weighted["cost_of_optimum"]


def test_moves_are_printed(offline):
    assert offline.ok("chain", "solve", "-", "--memory=3", stdin="2\n1 1 2\n1 1 3\n").endswith(
        "optimum          7 (proven), with 2 to evaluate values\n"
        "memory           3\n"
        "\n"
        "F'1..2: tangents through factor 2 of  (3)\n"
        "  F'1: tangents of factor 1  (2)\n"
        "\n"
        "evaluate z1  (2, holds 1)\n"
        "F'1 by tangents  (2, holds 2)\n"
        "F'1..2 by tangents through factor 2  (3, holds 3)\n"
        "drop z1  (0, holds 2)\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "text: expected the number of factors as number 1 of the text, got its end"),
        ("{", "chain: expected JSON after the brace"),
        ('{"chain": []}', 'chain: expected a key "factors" with an array'),
        ('{"factors": []}', "factors: expected 1 to 10000, got 0"),
        ('{"factors": [1]}', "factors[0]: expected an object with n, m and edges"),
        ('{"factors": [{"n": 1}]}', 'factors[0]: expected a key "m"'),
        (
            '{"factors": [{"n": 1, "m": 1, "e": 1}]}',
            'factors[0]: unknown key "e"; expected n, m, edges and pattern',
        ),
        (
            '{"factors": [{"n": 1, "m": -1, "edges": 1}]}',
            "factors[0].m: expected a whole number from 0 to 2^64 - 1, got -1",
        ),
        (
            '{"factors": [{"n": 1.5, "m": 1, "edges": 1}]}',
            "factors[0].n: expected a whole number from 0 to 2^64 - 1, got 1.5",
        ),
        (
            '{"factors": [{"n": 18446744073709551616, "m": 1, "edges": 1}]}',
            "factors[0].n: expected a whole number from 0 to 2^64 - 1, got 1.8446744073709552e+19",
        ),
        ('{"factors": [{"n": 0, "m": 1}]}', "factors[0].n: expected 1 to 2^62, got 0"),
        (
            '{"factors": [{"n": 1, "m": 2}, {"n": 3, "m": 1}]}',
            "factors[1].n: expected 2, the outputs of the factor before, got 3; factors start at "
            "the input side",
        ),
        (
            '{"factors": [{"n": 2, "m": 1, "pattern": ["10", "01"]}]}',
            "factors[0].pattern: expected an array of m = 1 strings, one for each row, got 2",
        ),
        (
            '{"factors": [{"n": 2, "m": 1, "pattern": ["1x"]}]}',
            'factors[0].pattern[0]: expected a string of n = 2 digits 0 or 1, got "1x"',
        ),
    ],
)
def test_what_is_wrong_is_named(offline, text, message):
    assert refusal(offline, text) == message


def test_bad_options_are_refused(offline):
    chain = "1\n2 2 4\n"
    assert "--workers" in refusal(offline, chain, "--workers", "0")
    assert "--kind" in refusal(offline, chain, "--kind", "cubic")
    assert "--tape-memory" in refusal(offline, chain, "--tape-memory", "-3")
    sparse = '{"factors": [{"n": 1, "m": 1, "pattern": ["1"]}]}'
    assert refusal(offline, sparse, "--workers=2") == "--workers: not for chains with patterns"
    within = "--memory: only with --kind=generalized, for a chain without patterns"
    assert refusal(offline, sparse, "--memory=9") == within
    assert refusal(offline, chain, "--memory=9", "--kind=dense") == within
    for other in ("--workers=2", "--tape-memory=3"):
        message = refusal(offline, chain, "--memory=9", other)
        assert message == "--memory: not with --tape-memory or --workers"
    assert "--memory" in refusal(offline, chain, "--memory", "-1")
    assert refusal(offline, chain, "--memory=3") == (
        "memory: expected at least 4 numbers of 8 bytes, without which there is no plan, got 3"
    )
    assert refusal(offline, chain, "--weights=1,2") == (
        "--weights: expected three whole numbers, of tangents, adjoints and products"
    )
    assert "--weights: expected whole numbers" in refusal(offline, chain, "--weights=1,2,x")
    assert refusal(offline, chain, "--weights=1,0,1") == (
        "weights.adjoint: expected 1 to 1048576, got 0"
    )
    assert offline.run("chain", "solve", "nowhere.json").returncode == 2
    assert offline.run("chain", "random", "--length", "0").returncode == 2
    assert offline.run("chain", "random", "--max-size", "-1").returncode == 2
