"""What an operator sees: /metrics, /healthz, gRPC health."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request

import grpc
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

import sobolev


def get(server, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{server.metrics}{path}", timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def scrape(server) -> dict[tuple, float]:
    """The value of each series, by name and labels."""
    status, text = get(server, "/metrics")
    assert status == 200
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(series: dict[tuple, float], name: str, **labels: str) -> float:
    return sum(
        value for key, value in series.items() if key[0] == name and labels.items() <= set(key[1:])
    )


def test_every_family_has_help_type_and_a_name_of_ours_or_of_the_convention(server):
    _, text = get(server, "/metrics")
    families = list(text_string_to_metric_families(text))
    assert len(families) > 10
    for family in families:
        assert family.documentation, family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
        assert family.name.startswith(("grpc_server_", "sobolev_", "process_")), family.name


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_promtool_finds_nothing_to_say(server):
    _, text = get(server, "/metrics")
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_predictions_are_timed_by_phase_and_order(server, client):
    x = np.random.default_rng(2).standard_normal((300, 2))
    model = client.train(x, x[:, 0] * x[:, 1], model="phases", hidden=[64, 64], epochs=1).wait(
        progress=False
    )
    before = scrape(server)
    points = np.zeros((5000, 2))  # More than a thread of gRPC takes upon itself.
    model.predict(points)
    model.jacobian(points)
    model.hessian(points)
    after = scrape(server)
    for phase in ("queue", "compute", "serialize"):
        for order in "012":
            name = f"sobolev_predict_{phase}_seconds_count"
            grown = total(after, name, order=order) - total(before, name, order=order)
            assert grown >= 1, (phase, order)
    name = "sobolev_predict_batch_points_sum"
    assert total(after, name) - total(before, name) == 15_000
    name = "sobolev_model_cache_lookups_total"
    assert total(after, name, result="hit") > total(before, name, result="hit")


def test_calls_uploads_predictions_and_jobs_are_counted(server, client):
    before = scrape(server)
    x = np.random.default_rng(1).standard_normal((300, 2))
    model = client.train(x, x[:, 0], model="metrics", hidden=[4], epochs=3).wait(progress=False)
    model.predict(x[:7])
    model.jacobian(x[:5])
    with pytest.raises(sobolev.NotFoundError):
        client.model("nobody")
    after = scrape(server)

    def grown(name: str, **labels: str) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    predict = {"grpc_service": "sobolev.v1.PredictionService", "grpc_method": "Predict"}
    assert grown("grpc_server_started_total", **predict) == 2
    assert grown("grpc_server_handled_total", grpc_code="OK", **predict) == 2
    assert grown("grpc_server_handling_seconds_count", **predict) == 2
    assert grown("grpc_server_msg_received_total", **predict) == 2
    assert grown("grpc_server_msg_sent_total", **predict) == 2
    get_model = {"grpc_method": "GetModel", "grpc_code": "NotFound"}
    assert grown("grpc_server_handled_total", **get_model) == 1
    assert grown("sobolev_predict_points_total") == 7 + 5
    assert grown("sobolev_predict_compute_seconds_count", order="0") == 1
    assert grown("sobolev_predict_compute_seconds_count", order="1") == 1
    assert grown("sobolev_upload_samples_total") == 300
    assert grown("sobolev_upload_bytes_total") == 300 * (2 + 1) * 8
    assert grown("sobolev_train_epochs_total") == 3
    assert grown("sobolev_train_samples_total") == 3 * 270
    assert grown("sobolev_jobs", state="succeeded") == 1
    assert total(after, "sobolev_build_info") == 1


def test_evaluations_of_programs_are_counted(server, client):
    before = scrape(server)
    program = client.create_program("metrics", "input x\noutput y = sin(x)\n")
    program(np.zeros((7, 1)))
    program.evaluate(np.zeros((5, 1)), hessian=True)
    program.enclose([[0.0]], [[1.0]])
    after = scrape(server)

    def grown(name: str, **labels: str) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    evaluate = {"grpc_service": "sobolev.v1.ProgramService", "grpc_method": "Evaluate"}
    assert grown("grpc_server_handled_total", grpc_code="OK", **evaluate) == 2
    assert grown("sobolev_evaluate_points_total") == 7 + 5 + 1
    assert grown("sobolev_evaluate_compute_seconds_count", order="0") == 2
    assert grown("sobolev_evaluate_compute_seconds_count", order="2") == 1
    assert grown("sobolev_program_cache_programs") == 1
    program.delete()


def test_health_is_told_over_http_and_grpc(server):
    status, body = get(server, "/healthz")
    assert status == 200
    assert json.loads(body) == {"status": "SERVING"}
    assert get(server, "/nothing")[0] == 404
    with grpc.insecure_channel(server.grpc) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert check(b"", timeout=30) == b"\x08\x01"  # status: SERVING


def test_no_series_names_a_dataset_model_or_job(server, client):
    client.create_dataset("secret-name", ["a"], ["u"])
    job = client.jobs()[0]
    _, text = get(server, "/metrics")
    assert "secret-name" not in text
    assert job.id not in text
