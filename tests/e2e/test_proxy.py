"""The HAProxy configuration of deploy/, if haproxy is installed: what goes through and what not."""

from __future__ import annotations

import http.client
import ssl

import numpy as np
import pytest

import sobolev


def test_everything_goes_through_the_proxy(proxy):
    address, authority, token, _ = proxy
    x = np.linspace(0, 1, 100)
    with sobolev.Client(address, ca=authority.ca, token=token, timeout=30) as client:
        dataset = client.create_dataset("d", ["a"], ["u"])
        dataset.append(x, x**2)
        model = client.train(dataset=dataset, model="m", hidden=[4], epochs=2).wait(progress=False)
        assert np.isfinite(model.predict(x)).all()
    with sobolev.Client(address, ca=authority.ca, timeout=5) as stranger:
        with pytest.raises(sobolev.UnauthenticatedError):
            stranger.datasets()


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("POST", 415)])
def test_what_is_not_grpc_stops_at_the_proxy(proxy, method, status):
    address, authority, _, _ = proxy
    context = ssl.create_default_context(cafile=str(authority.ca))
    connection = http.client.HTTPSConnection(address, timeout=20, context=context)
    connection.request(method, "/metrics")
    assert connection.getresponse().status == status
