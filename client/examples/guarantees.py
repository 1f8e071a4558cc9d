"""What is proved of models: bounds, where conditions hold, what matters, how versions differ.

The models stand for u = sin(a) + a b and v = b exp(c / 2).

    python3 guarantees.py [HOST:PORT]
"""

import sys

import sobolev

WAVES = """
input a in [-1, 1]
input b in [-1, 1]
input c in [-1, 1]
output u = sin(a) + a * b
output v = b * exp(c / 2)
"""


def main():
    """Prints what client/README.md shows."""
    with sobolev.Client(sys.argv[1] if len(sys.argv) > 1 else "localhost:50551") as client:
        function = client.create_program("proved-waves", WAVES)
        samples = function.sample_into("proved-waves", 300)
        model = client.train(
            dataset=samples, model="proved-waves", hidden=[16, 16], optimizer="levenberg_marquardt"
        ).wait(progress=False)

        bounds = model.bound({"a": (0, 0.5), "b": (0, 0.5)}, jacobian=True)
        print("u in", bounds.value_min[0].round(2), bounds.value_max[0].round(2))
        print("du/da in", bounds.jacobian_min[0, 0].round(2), bounds.jacobian_max[0, 0].round(2))

        certificate = model.certify({"u": (None, 1)}, {("v", "c"): 0.6}, max_boxes=20_000)
        print("holds on", round(certificate.proved, 2), "fails on", round(certificate.violated, 2))

        for each in model.significance(max_boxes=1000).inputs:
            print(each.name, each.relaxed_sigma.round(1), each.total_sobol_bound.round(1))

        other = client.train(
            dataset=samples, model="proved-waves", hidden=[8], optimizer="levenberg_marquardt"
        ).wait(progress=False)
        sampled, proved = other.bound(compare_to=model, max_boxes=20_000).largest_value
        print("largest difference:", sampled.max().round(4), "to", proved.max().round(4))


if __name__ == "__main__":
    main()
