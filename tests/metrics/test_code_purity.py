import numpy as np
import pytest
from keras import ops

from umbed_keras.metrics import CodePurity, signed_atoms

numpy = ops.convert_to_numpy
EPS = float(np.finfo("float32").eps)
CODES, CLASSES = 12, 5


def images(shape, codes_per_pixel=None, seed=0):
    """Returns codes that correlate with labels; the last class and the last code do not occur."""
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES - 1, size=shape)
    order = random.random((*shape, CODES - 1))
    first = labels[..., None]
    informative = random.random((*shape, 1)) < 0.6
    np.put_along_axis(
        order, first, np.where(informative, -1, np.take_along_axis(order, first, -1)), -1
    )
    codes = np.argsort(order, axis=-1)
    codes = codes[..., :codes_per_pixel] if codes_per_pixel else codes[..., 0]
    return codes.astype("int32"), labels.astype("uint8")


def reference_iou(codes, labels, known=True):
    """Returns the IoU `(CODES, CLASSES)` computed from sets of pixels."""
    codes = codes if codes.ndim > labels.ndim else codes[..., None]
    iou = np.zeros((CODES, CLASSES))
    for code, label in np.ndindex(iou.shape):
        has_code = (codes == code).any(axis=-1) & known
        has_label = (labels == label) & known
        either = np.sum(has_code | has_label)
        iou[code, label] = np.sum(has_code & has_label) / either if either else 0
    return iou


def updated(*batches, **options):
    metric = CodePurity(CODES, CLASSES, **options)
    for codes, labels in batches:
        metric.update_state(codes, labels)
    return metric


@pytest.mark.torch_alone
@pytest.mark.parametrize("codes_per_pixel", [None, 1, 3])
def test_codes_are_chosen_on_some_images_and_evaluated_on_others(codes_per_pixel):
    some = images((2, 9, 8), codes_per_pixel)
    others = images((3, 7, 6), codes_per_pixel, seed=1)
    chosen = updated(some)
    expected = reference_iou(*some)
    # The counts are exact in float32; their quotient is rounded once.
    np.testing.assert_allclose(numpy(chosen.iou()), expected, rtol=EPS)
    best = expected.argmax(axis=0)
    best[CLASSES - 1] = -1
    np.testing.assert_array_equal(numpy(chosen.best_codes()), best)
    purity = updated(others, class_codes=chosen.best_codes())
    tested = [reference_iou(*others)[best[label], label] for label in range(CLASSES - 1)]
    assert float(numpy(purity.result())) == pytest.approx(np.mean(tested), rel=CLASSES * EPS)
    best_iou = expected.max(axis=0)[: CLASSES - 1]
    assert float(numpy(chosen.result())) == pytest.approx(best_iou.mean(), rel=CLASSES * EPS)


@pytest.mark.torch_alone
def test_batches_of_any_shape_add_up():
    batches = [images((50,)), images((2, 3, 4), seed=1), images((7, 5), seed=2)]
    joined = [
        np.concatenate([part.ravel() for part in parts]) for parts in zip(*batches, strict=True)
    ]
    apart, together = updated(*batches), updated(joined)
    np.testing.assert_array_equal(numpy(apart.both), numpy(together.both))
    np.testing.assert_array_equal(numpy(apart.class_counts), numpy(together.class_counts))


def test_a_compiled_update_equals_an_eager_one(compiled):
    batch, metric = images((6, 4, 5), 3), CodePurity(CODES, CLASSES)
    codes, labels = map(ops.convert_to_tensor, batch)
    start = [variable.value for variable in metric.variables]
    counted = compiled(metric.stateless_update_state)(start, codes, labels)
    for counts, expected in zip(counted, updated(batch).variables, strict=True):
        np.testing.assert_array_equal(numpy(counts), numpy(expected))


@pytest.mark.torch_alone
def test_least_and_largest_results():
    labels = np.arange(CLASSES)[:, None].repeat(6, axis=1)
    assert np.isnan(float(numpy(updated().result())))  # of no pixels
    assert numpy(updated().best_codes()).tolist() == [-1] * CLASSES
    # One code for each class; then one code for all pixels.
    assert float(numpy(updated((CODES - 1 - labels, labels)).result())) == 1
    everywhere = updated((np.zeros_like(labels), labels))
    assert float(numpy(everywhere.result())) == pytest.approx(1 / CLASSES, rel=CLASSES * EPS)


@pytest.mark.torch_alone
def test_pixels_without_a_label_or_with_an_ignored_class_are_not_counted():
    codes, labels = images((4, 9, 8))
    labels[0] = 255
    metric = updated((codes, labels), ignore_class=2)
    known = (labels != 2) & (labels != 255)
    np.testing.assert_allclose(numpy(metric.iou()), reference_iou(codes, labels, known), rtol=EPS)
    kept = updated((codes[known], labels[known]))
    assert float(numpy(metric.result())) == float(numpy(kept.result()))


def test_pixels_with_negative_codes_are_counted_as_without_a_code():
    codes, labels = images((4, 9, 8), 3)
    codes[1, ..., 1:] = -1
    codes[2] = -1
    metric = updated((codes, labels))
    np.testing.assert_allclose(numpy(metric.iou()), reference_iou(codes, labels), rtol=EPS)


def test_counts_are_exact_beyond_the_integers_of_float32():
    metric = CodePurity(2, 2)
    start = 2**24
    metric.both.assign([[start, 0], [0, 0]])
    metric.class_counts.assign([start, 0])
    metric.update_state(np.zeros(1, "int32"), np.zeros(1, "int32"))
    assert numpy(metric.both).tolist() == [[start + 1, 0], [0, 0]]
    assert numpy(metric.class_counts).tolist() == [start + 1, 0]


@pytest.mark.torch_alone
def test_reset_removes_pixels_and_keeps_the_codes_of_classes():
    metric = updated(images((9, 8)), class_codes=range(CLASSES))
    metric.reset_state()
    assert not numpy(metric.both).any()
    assert not numpy(metric.class_counts).any()
    metric.update_state(np.arange(CLASSES), np.arange(CLASSES))
    assert float(numpy(metric.result())) == 1


def test_signs_of_coefficients_give_separate_codes():
    codes = signed_atoms([[0, 1], [1, 0]], np.float32([[2.5, -1], [0, -0.5]]), 2)
    assert numpy(codes).tolist() == [[0, 3], [-1, 2]]


def test_config_round_trip():
    metric = CodePurity(12, 3, class_codes=np.int64([4, -1, 11]), ignore_class=0, name="purity")
    copy = CodePurity.from_config(metric.get_config())
    assert copy.get_config() == metric.get_config()
    assert copy.class_codes == [4, -1, 11]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"num_codes": 0}, "`num_codes` must be an integer >= 1. Received: 0"),
        ({"num_classes": 1.5}, "`num_classes` must be an integer >= 1. Received: 1.5"),
        ({"class_codes": [1, 2]}, "`class_codes` must be 3 integers"),
        ({"class_codes": [1, 2, 12]}, "from -1 to 11. Received"),
        ({"class_codes": [1.0, 2.0, 3.0]}, "`class_codes` must be 3 integers"),
    ],
)
def test_invalid_arguments_are_value_errors(options, named):
    with pytest.raises(ValueError, match=named):
        CodePurity(**{"num_codes": 12, "num_classes": 3, **options})


@pytest.mark.parametrize("shape", [(4, 6), (4,), (4, 5, 2, 2)])
def test_shapes_that_do_not_match_are_value_errors(shape):
    with pytest.raises(ValueError, match="`codes` must have the shape of `labels`"):
        CodePurity(2, 2).update_state(np.zeros(shape, "int32"), np.zeros((4, 5), "int32"))


def test_codes_that_do_not_exist_are_refused():
    metric = CodePurity(4, 2)
    with pytest.raises(ValueError, match=r"`codes` must lie below 4.*up to 4"):
        metric.update_state([1, 4], [0, 1])
    for codes, labels, name in (([0.5, 1], [0, 1], "codes"), ([0, 1], [0.5, 1.2], "labels")):
        with pytest.raises(TypeError, match=f"`{name}` must be integers"):
            metric.update_state(codes, labels)
