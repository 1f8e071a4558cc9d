"""Calls that belong to a trace of the caller."""

from __future__ import annotations

import json

import grpc
import pytest

from sobolev._stubs import models_pb2, models_pb2_grpc

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


@pytest.fixture
def traced(make_server):
    """A server whose log is JSON, and a way to look for a model as part of a trace."""
    server = make_server("--log-format", "json").start()
    channel = grpc.insecure_channel(server.grpc)
    models = models_pb2_grpc.ModelServiceStub(channel)

    def call(header: str) -> list[dict]:
        """The lines about calls after one that does not find its model."""
        with pytest.raises(grpc.RpcError):
            models.GetModel(
                models_pb2.GetModelRequest(name="models/nobody"),
                metadata=[("traceparent", header)],
            )
        events = [json.loads(line) for line in server.log().splitlines()]
        return [event for event in events if event["msg"] == "call"]

    yield call
    channel.close()


def test_a_sampled_trace_is_in_the_log(traced):
    (event,) = traced(f"00-{TRACE}-{SPAN}-01")
    assert event["trace_id"] == TRACE
    assert event["span_id"] == SPAN
    assert event["method"] == "/sobolev.v1.ModelService/GetModel"
    assert event["code"] == grpc.StatusCode.NOT_FOUND.value[0]
    assert event["duration_s"] >= 0


@pytest.mark.parametrize("header", [f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-nonsense", "", "\t"])
def test_other_calls_are_not(traced, header):
    assert traced(header) == []
