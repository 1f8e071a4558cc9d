"""Random numbers that any language can make again, bit for bit: counters, mixed.

Number k of a stream is SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
generators") at position k from a start that seed and tag give. Normal ones are the inverse
distribution function at it, by AS241 (Wichura 1988), which takes square roots and logarithms and is
therefore the same up to the mathematics library.
"""

from __future__ import annotations

import math

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)

# Numerator and denominator of AS241, highest power first: in (p - 1/2)^2, and in sqrt(-log p) in
# the near tail and in the far one.
CENTRE = (
    (
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ),
)
NEAR_TAIL = (
    (
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ),
)
FAR_TAIL = (
    (
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        1.24266094738807843860e-3,
        2.65321895265761230930e-2,
        2.96560571828504891230e-1,
        1.78482653991729133580e0,
        5.46378491116411436990e0,
        6.65790464350110377720e0,
    ),
    (
        2.04426310338993978564e-15,
        1.42151175831644588870e-7,
        1.84631831751005468180e-5,
        7.86869131145613259100e-4,
        1.48753612908506148525e-2,
        1.36929880922735805310e-1,
        5.99832206555887937690e-1,
        1.0,
    ),
)


def mix(z):
    """SplitMix64's output function, of an array: arrays wrap modulo 2^64 without a warning."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniforms(seed, tag, count):
    """[count] in (0, 1), none of them 0 or 1; every pair of seed and tag is a stream of its own."""
    one = np.ones(1, np.uint64)
    start = mix(mix(np.uint64(seed) * one + GOLDEN) + np.uint64(tag) * (one * GOLDEN))
    counters = np.arange(1, count + 1, dtype=np.uint64) * GOLDEN + start
    return ((mix(counters) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def inverse_normal(p):
    """The x below which a standard normal variable stays with probability p."""

    def ratio(coefficients, r):
        return np.polyval(coefficients[0], r) / np.polyval(coefficients[1], r)

    p = np.asarray(p, np.float64)
    q = p - 0.5
    r = np.sqrt(-np.log(np.minimum(p, 1.0 - p)))
    tail = np.where(r <= 5.0, ratio(NEAR_TAIL, r - 1.6), ratio(FAR_TAIL, r - 5.0)) * np.sign(q)
    r = 0.180625 - q * q
    centre = q * np.polyval(CENTRE[0], r) / np.polyval(CENTRE[1], r)
    return np.where(np.abs(q) <= 0.425, centre, tail)


def normals(seed, tag, shape):
    return inverse_normal(uniforms(seed, tag, math.prod(shape))).reshape(shape)


def latin_hypercube(seed, tag, count, n):
    """[count, n] in (0, 1): along each axis one random point in each of `count` equal strata."""
    keys, offsets = uniforms(seed, tag, 2 * count * n).reshape(2, n, count)
    strata = keys.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    return np.ascontiguousarray(((strata + offsets) / count).T)


def spread(points, seed, tag, attempts=4000):
    """The Latin hypercube after random swaps within a column that lower its discrepancy.

    The discrepancy is the centred one in the mean square (Hickernell 1998, "A generalized
    discrepancy and quadrature error bound"): of its terms only those of the two rows change.
    """
    x = points.copy()
    count, n = x.shape
    draws = uniforms(seed, tag, 3 * attempts).reshape(attempts, 3)

    def terms(a, b):
        """Those of the squared discrepancy, times count^2, that belong to the rows a and b."""
        far = np.abs(x - 0.5)
        rows = far[[a, b]]
        alone = np.prod(1 + 0.5 * rows - 0.5 * rows**2, 1).sum()
        distance = np.abs(x[[a, b], None, :] - x)
        pairs = np.prod(1 + 0.5 * (rows[:, None, :] + far) - 0.5 * distance, 2)
        doubly_counted = pairs[0, a] + pairs[1, b] + 2 * pairs[0, b]
        return 2 * pairs.sum() - doubly_counted - 2 * count * alone

    for draw in draws:
        column, a, b = (draw * (n, count, count)).astype(int)
        if a == b:
            continue
        before = terms(a, b)
        x[[a, b], column] = x[[b, a], column]
        if terms(a, b) >= before:
            x[[a, b], column] = x[[b, a], column]
    return x


complementary_error = np.vectorize(math.erfc, otypes=[np.float64])


def normal_distribution(x):
    return 0.5 * complementary_error(-np.asarray(x) / math.sqrt(2.0))


def normal_density(x):
    return np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
