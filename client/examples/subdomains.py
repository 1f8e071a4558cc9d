"""Smaller networks for parts of a domain: each keeps what matters in its part.

The model stands for the power that keeps a building warm or cool. In winter the wind, the
insulation and the boiler matter, in summer the sun, the humidity and the chiller, in between a
little of all.

    python3 subdomains.py [HOST:PORT]
"""

import sys

import numpy as np

import sobolev

PARTS = 4
BUILDING = """
input temperature in [-15, 40]
input wind in [0, 10]
input insulation in [0.2, 1]
input boiler in [0.8, 1]
input sun in [0, 1]
input humidity in [0.2, 0.9]
input chiller in [2, 5]
let cold = log(1 + exp(17 - temperature))
let hot = log(1 + exp(temperature - 23))
let heating = cold * (insulation + 0.03 * wind) / boiler
let cooling = hot * (0.5 + humidity ^ 2 + sun) / chiller
output power = heating + cooling + 2 * sun
"""


def split(box, j, count):
    """Boxes [count, n, 2] of equal length along input j."""
    ends = np.linspace(*box[j], count + 1)
    boxes = np.repeat(box[None], count, axis=0)
    boxes[:, j] = np.stack([ends[:-1], ends[1:]], axis=1)
    return boxes


def predict(parts, j, x):
    """Values and Jacobians at x, each by the version of its box."""
    place = np.searchsorted([part.domain[j, 0] for part in parts[1:]], x[:, j])
    value, jacobian = np.empty((len(x), 1)), np.empty((len(x), 1, x.shape[1]))
    for k, part in enumerate(parts):
        value[place == k], jacobian[place == k] = part.value_and_jacobian(x[place == k])
    return value, jacobian


def show(name, box, version):
    """Prints a row of the table."""
    report = version.pruning
    cost = f"{report.before.jacobian_multiply_adds} -> {report.after.jacobian_multiply_adds}"
    found, proved = report.certificate.value_sampled[0], report.certificate.value_proved[0]
    low, high = box
    text = f"{low:5.1f} to {high:4.1f}  {'-'.join(map(str, version.hidden)):8}  {cost:>10}"
    print(f"{name:6}  {text}  [{found:.2f}, {proved:.2f}]")


def main():
    """Prints what client/README.md shows."""
    with sobolev.Client(sys.argv[1] if len(sys.argv) > 1 else "localhost:50551") as client:
        function = client.create_program("building", BUILDING)
        samples = function.sample_into("building", 400)
        model = client.train(
            dataset=samples,
            model="building",
            hidden=[16, 16],
            optimizer="levenberg_marquardt",
        ).wait(progress=False)

        sigma = [each.relaxed_sigma[0] for each in model.significance(max_boxes=1000).inputs]
        j = int(np.argmax(sigma))
        print("split along", model.inputs[j].name)

        def prune(into, box):
            options = {"value_error": 0.01, "certificate_boxes": 1000}
            return client.prune(model, into=into, box=box, **options).wait(progress=False)

        whole = prune("building-whole", model.domain)
        parts = [prune("building-parts", box) for box in split(model.domain, j, PARTS)]
        for k, version in enumerate([whole, *parts]):
            show(f"part {k}" if k else "whole", version.domain[j], version)

        x = np.random.default_rng(1).uniform(*model.domain.T, (10_000, len(model.inputs)))
        true = function.evaluate(x, jacobian=True)
        widths = np.ptp(model.domain, axis=1)
        for name, (value, jacobian) in {
            "model": model.value_and_jacobian(x),
            "whole": whole.value_and_jacobian(x),
            "parts": predict(parts, j, x),
        }.items():
            of_value = np.std(value - true.value) / np.std(true.value)
            of_jacobian = np.linalg.norm((jacobian - true.jacobian) * widths)
            of_jacobian /= np.linalg.norm(true.jacobian * widths)
            print(f"{name}: off by {of_value:.2%}, Jacobian {of_jacobian:.2%}")
        samples.delete()  # Another run starts from nothing, as this one did.


if __name__ == "__main__":
    main()
