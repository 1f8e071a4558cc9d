"""What callers may pass as samples, points and directions, and what is refused before sending."""

import numpy as np
import pandas as pd
import pytest

from sobolev import InvalidArgumentError, _arrays


def test_tensors_keep_every_bit_of_the_array():
    array = np.array([[1.0, -0.0], [5e-324, 1.7976931348623157e308], [np.pi, -1 / 3]])
    tensor = _arrays.to_tensor(array)
    assert list(tensor.shape) == [3, 2]
    assert tensor.data == array.astype("<f8").tobytes()
    assert _arrays.from_tensor(tensor).tobytes() == array.tobytes()


def test_tensors_are_row_major_and_little_endian_whatever_the_array_is():
    array = np.arange(6.0).reshape(2, 3)
    for same in (np.asfortranarray(array), array.astype(">f8"), array[::-1][::-1]):
        tensor = _arrays.to_tensor(_arrays.as_floats(same, "x"))
        assert tensor.data == array.tobytes()


def test_float32_travels_as_float32():
    tensor = _arrays.to_tensor(_arrays.as_floats(np.float32([1.5, 2.5]), "x"))
    assert len(tensor.data) == 8
    assert _arrays.from_tensor(tensor).dtype == np.float32


@pytest.mark.parametrize("values", [[[1, 2], [3, 4]], [[True, False]], np.int8([[1, 2]])])
def test_lists_integers_and_booleans_are_numbers(values):
    assert _arrays.as_samples(values, "x", 2).dtype == np.float64


@pytest.mark.parametrize("values", [[["a", "b"]], [[1j, 2]], [[1, 2], [3]], object()])
def test_what_is_not_numeric_is_refused(values):
    with pytest.raises(InvalidArgumentError, match=r"x: expected an array of real numbers") as info:
        _arrays.as_samples(values, "x", 2)
    assert info.value.reason == "NOT_NUMERIC"
    assert info.value.field_violations[0].field == "x"


def test_a_vector_of_samples_is_a_column_for_one_input_and_a_row_for_several():
    assert _arrays.as_samples([1, 2, 3], "x", 1).shape == (3, 1)
    assert _arrays.as_samples([1, 2, 3], "x", 3).shape == (1, 3)
    assert _arrays.as_samples([1, 2, 3], "x").shape == (3, 1)


@pytest.mark.parametrize("shape", [(4, 3), (2, 2, 2), (4,), ()])
def test_samples_of_another_width_are_refused_with_both_shapes(shape):
    with pytest.raises(InvalidArgumentError, match=r"x: expected shape \[N, 2\], got \[.*\]"):
        _arrays.as_samples(np.ones(shape), "x", 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_named_by_row_and_column(bad):
    values = np.zeros((5, 3))
    values[3, 1] = bad
    with pytest.raises(InvalidArgumentError, match=r"row 3, column 1") as info:
        _arrays.as_samples(values, "x", 3)
    assert info.value.field == "x[3][1]"
    assert info.value.reason == "NON_FINITE"


def test_the_jacobian_may_leave_out_an_axis_of_length_one():
    assert _arrays.as_jacobian(np.ones((4, 2, 3)), 4, 2, 3).shape == (4, 2, 3)
    assert _arrays.as_jacobian(np.ones((4, 3)), 4, 1, 3).shape == (4, 1, 3)
    assert _arrays.as_jacobian(np.ones((4, 2)), 4, 2, 1).shape == (4, 2, 1)
    assert _arrays.as_jacobian(np.ones(4), 4, 1, 1).shape == (4, 1, 1)


@pytest.mark.parametrize("shape", [(4, 3, 2), (4, 6), (4,), (3, 2, 3)])
def test_a_jacobian_of_another_shape_is_refused(shape):
    with pytest.raises(InvalidArgumentError, match=r"jacobian: expected shape \[N, m, n\]"):
        _arrays.as_jacobian(np.ones(shape), 4, 2, 3)


def test_weights_must_be_positive():
    assert _arrays.as_weight([1, 2], 2).tolist() == [1, 2]
    with pytest.raises(InvalidArgumentError, match=r"weight\[1\]: expected a weight > 0, got 0"):
        _arrays.as_weight([1, 0], 2)


def test_data_frame_columns_are_matched_by_name():
    table = pd.DataFrame({"b": [3.0, 4.0], "a": [1.0, 2.0]})
    points, is_point = _arrays.as_points(table, ["a", "b"])
    assert points.tolist() == [[1, 3], [2, 4]]
    assert not is_point
    with pytest.raises(InvalidArgumentError, match=r"expected the columns \['a', 'c'\]"):
        _arrays.as_points(table, ["a", "c"])


def test_data_frames_without_names_are_taken_in_order():
    points, _ = _arrays.as_points(pd.DataFrame([[1.0, 2.0]]), ["a", "b"])
    assert points.tolist() == [[1, 2]]


def test_a_vector_is_a_point_unless_there_is_one_input():
    assert _arrays.as_points([1, 2], ["a", "b"])[1]
    points, is_point = _arrays.as_points([1, 2], ["a"])
    assert points.shape == (2, 1)
    assert not is_point
    points, is_point = _arrays.as_points(5, ["a"])
    assert points.shape == (1, 1)
    assert is_point


# given shape, number of points, width, single point -> shape on the wire, without direction axis
DIRECTIONS = [
    ((3,), 5, 3, False, (1, 3), True),
    ((5, 3), 5, 3, False, (5, 1, 3), True),
    ((1, 3), 5, 3, False, (1, 3), True),
    ((5, 2, 3), 5, 3, False, (5, 2, 3), False),
    ((1, 2, 3), 5, 3, False, (2, 3), False),
    ((5,), 5, 1, False, (5, 1, 1), True),
    ((), 5, 1, False, (1, 1), True),
    ((1,), 5, 1, False, (1, 1), True),
    ((3,), 1, 3, True, (1, 3), True),
    ((4, 3), 1, 3, True, (4, 3), False),
    ((), 1, 1, True, (1, 1), True),
]


@pytest.mark.parametrize(("given", "points", "width", "is_point", "sent", "single"), DIRECTIONS)
def test_directions_broadcast_over_points(given, points, width, is_point, sent, single):
    values = np.arange(float(np.prod(given))).reshape(given)
    array, is_single = _arrays.as_directions(values, "tangents", points, width, is_point)
    assert array.shape == sent
    assert is_single == single
    assert array.ravel().tolist() == values.ravel().tolist()


def test_points_of_another_width_are_refused_with_the_shape_that_was_given():
    with pytest.raises(InvalidArgumentError, match=r"expected shape \[N, 2\] or \[2\], got \[3\]"):
        _arrays.as_points([1, 2, 3], ["a", "b"])


@pytest.mark.parametrize(
    ("given", "is_point"), [((4,), False), ((4, 3), False), ((2, 2, 3), False), ((2, 2, 3), True)]
)
def test_directions_that_fit_no_point_are_refused(given, is_point):
    with pytest.raises(InvalidArgumentError, match="tangents: expected shape"):
        num_points = 1 if is_point else 5
        _arrays.as_directions(np.ones(given), "tangents", num_points, 3, is_point)


def test_missing_numbers_are_none_nan_or_masked():
    may_miss = _arrays.Missing(True, "switch")
    for values in (
        [[1.0, None]],
        [[1.0, np.nan]],
        np.ma.masked_equal([[1.0, 5.0]], 5.0),
        np.ma.masked_equal([[1, 5]], 5),
        pd.DataFrame({"u": pd.array([1], "Int64"), "v": pd.array([pd.NA], "Int64")}),
        pd.DataFrame({"u": [1.0], "v": [None]}, dtype=object),
    ):
        array = _arrays.as_samples(values, "y", 2, may_miss)
        assert np.array_equal(array, [[1, np.nan]], equal_nan=True)


def test_only_columns_that_may_be_missing_are():
    missing = _arrays.Missing([True, False], "a switch")
    assert _arrays.as_samples([[None, 1.0]], "y", 2, missing).shape == (1, 2)
    with pytest.raises(InvalidArgumentError, match=r"y\[1\]\[1\].*row 1, column 1.*a switch"):
        _arrays.as_samples([[1.0, 2.0], [None, None]], "y", 2, missing)
    with pytest.raises(
        InvalidArgumentError, match=r"y\[0\]\[0\]: expected a finite number, got inf"
    ):
        _arrays.as_samples([[np.inf, 2.0]], "y", 2, missing)


def test_labels_may_leave_out_axes_of_length_one():
    for shape in ((3, 1, 1), (3, 1), (3,)):
        assert _arrays.as_labels(np.ones(shape), "jvp", (3, 1, 1)).shape == (3, 1, 1)
    assert _arrays.as_labels(np.ones((3, 2)), "jvp", (3, 1, 2)).shape == (3, 1, 2)
    with pytest.raises(InvalidArgumentError, match=r"jvp: expected shape .* got \[3, 2\]"):
        _arrays.as_labels(np.ones((3, 2)), "jvp", (3, 2, 2))


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_variances_must_be_positive_where_the_label_is_known(bad):
    label = np.array([[1.0], [np.nan]])
    assert _arrays.as_variance([[1.0], [np.nan]], "y_variance", label).shape == (2, 1)
    with pytest.raises(InvalidArgumentError, match=r"y_variance\[0\]\[0\]: .* variance > 0"):
        _arrays.as_variance([[bad], [1.0]], "y_variance", label)
