"""Agreement of single codes with labelled classes."""

from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.ops.checks import as_indices, check_integers, known_range
from umbed_keras.typing import ArrayLike, Shape, Tensor


def signed_atoms(indices: ArrayLike, coefficients: ArrayLike, num_atoms: int) -> Tensor:
    """Converts sparse codes to binary codes, with separate codes for an atom and its negative.

    The two sides of an atom's direction often show opposite content, such as light and dark.

    Args:
        indices: integers in 0..num_atoms - 1, any shape.
        coefficients: floats of the same shape.
        num_atoms: int, size of the dictionary.

    Returns:
        int32 tensor of the same shape: the index if the coefficient is positive, the index plus
        `num_atoms` if it is negative, -1 (no code) if it is 0.

    Examples:
        >>> signs = uk.metrics.signed_atoms([[3, 5, 1]], [[0.5, -2.0, 0.0]], num_atoms=8)
        >>> keras.ops.convert_to_numpy(signs).tolist()
        [[3, 13, -1]]
    """
    indices = ops.cast(indices, "int32")
    coefficients = ops.convert_to_tensor(coefficients)
    signed = ops.where(coefficients < 0, indices + num_atoms, indices)
    return ops.where(ops.equal(coefficients, 0), -1, signed)


@keras.saving.register_keras_serializable(package="umbed_keras")
class CodePurity(keras.metrics.Metric):
    """Mean IoU of each labelled class with its best single code; higher is better.

    The IoU of a code and a class is the number of pixels with both divided by the number of pixels
    with either. The mean ranges from 0 to 1, where each class has a code that is on at its pixels
    and nowhere else. Counts are int32 and exact up to 2^31 - 1 pixels.

    The more codes there are, the higher the best IoU is by chance. Choose the codes of classes on
    some images and evaluate them on others, as in the example.

    Reference: network dissection, which measures the units of a network in this way (Bau, Zhou,
    Khosla, Oliva & Torralba 2017, arXiv:1704.05796).

    Args:
        num_codes: int >= 1, size of the codebook, or twice the number of a dictionary's atoms (see
            `signed_atoms`).
        num_classes: int >= 1.
        class_codes: integers `(num_classes,)`, the code of each class, -1 for a class to leave out.
            None takes the code with the largest IoU in the pixels added.
        ignore_class: int, class whose pixels are not counted, or None.
        name: str, name of the metric.
        **kwargs: other arguments of `keras.metrics.Metric`.

    Raises:
        ValueError: if `num_codes` or `num_classes` is not an integer of at least 1.
        ValueError: if `class_codes` has another shape, or a value that is not a code or -1.

    Examples:
        >>> chosen = uk.metrics.CodePurity(num_codes=4, num_classes=2)
        >>> chosen.update_state(codes=[[0, 0, 3, 3]], labels=[[0, 0, 1, 1]])
        >>> keras.ops.convert_to_numpy(chosen.best_codes()).tolist()
        [0, 3]
        >>> purity = uk.metrics.CodePurity(4, 2, class_codes=chosen.best_codes())
        >>> purity.update_state(codes=[[0, 1, 3, 3]], labels=[[0, 0, 1, 1]])
        >>> round(float(purity.result()), 3)
        0.75
    """

    def __init__(
        self,
        num_codes: int,
        num_classes: int,
        class_codes: ArrayLike | None = None,
        ignore_class: int | None = None,
        name: str = "code_purity",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_integers(num_codes=(1, num_codes), num_classes=(1, num_classes))
        self.num_codes = int(num_codes)
        self.num_classes = int(num_classes)
        self.class_codes = self._check_class_codes(class_codes)
        self.ignore_class = ignore_class
        self._direction = "up"  # read by Keras's callbacks
        # Not float32, whose sums stop growing at 2^24 pixels, 64 images of 512 x 512.
        shape = (self.num_codes, self.num_classes)
        self.both = self._add_counts("both", shape)
        self.class_counts = self._add_counts("class_counts", shape[1:])

    def update_state(self, codes: ArrayLike, labels: ArrayLike) -> None:
        """Adds pixels.

        Args:
            codes: integers below `num_codes`, of the shape of `labels` or with a further axis for
                several codes of a pixel, which must differ from each other. Negative numbers are no
                codes. For a residual quantizer, `bottleneck.used_entries(codes)[0]` gives each
                stage codes of its own.
            labels: integers, any shape. Pixels with labels outside 0..num_classes - 1 are not
                counted.

        Raises:
            TypeError: if `codes` or `labels` are not integers.
            ValueError: if a code is `num_codes` or more.
            ValueError: if the shapes do not match.
        """
        codes, labels = as_indices("codes", codes, None), as_indices("labels", labels, None)
        limits = known_range(codes)
        if limits is not None and limits[1] >= self.num_codes:
            raise ValueError(
                f"`codes` must lie below {self.num_codes}. Received values up to {limits[1]:g}"
            )
        shapes = tuple(codes.shape), tuple(labels.shape)
        # In a compiled graph, the size of an axis may be known for only one of the two.
        pairs = zip(*shapes, strict=False)
        if len(shapes[0]) - len(shapes[1]) not in (0, 1) or any(
            None not in pair and pair[0] != pair[1] for pair in pairs
        ):
            raise ValueError(
                "`codes` must have the shape of `labels`, or a further axis for a pixel's codes. "
                f"Received: codes of shape {shapes[0]}, labels of {shapes[1]}"
            )
        if len(codes.shape) == len(labels.shape):
            codes = codes[..., None]
        codes, labels = ops.reshape(codes, (-1, codes.shape[-1])), ops.reshape(labels, (-1,))
        known = (labels >= 0) & (labels < self.num_classes)
        if self.ignore_class is not None:
            known = known & (labels != self.ignore_class)
        self.class_counts.assign_add(_count(labels, known, self.num_classes))
        counted = known[:, None] & (codes >= 0) & (codes < self.num_codes)
        pairs = _count(
            codes * self.num_classes + labels[:, None],
            counted,
            self.num_codes * self.num_classes,
        )
        self.both.assign_add(ops.reshape(pairs, self.both.shape))

    def iou(self) -> Tensor:
        """Returns the IoU of each code with each class.

        Returns:
            float32 tensor `(num_codes, num_classes)`, 0 for codes and classes without pixels.
        """
        both, classes = ops.convert_to_tensor(self.both), ops.convert_to_tensor(self.class_counts)
        either = ops.sum(both, axis=1, keepdims=True) + classes - both
        return ops.cast(both, "float32") / ops.cast(ops.maximum(either, 1), "float32")

    def best_codes(self) -> Tensor:
        """Returns the code with the largest IoU for each class.

        Returns:
            int32 tensor `(num_classes,)`, -1 for classes without pixels.
        """
        best = ops.cast(ops.argmax(self.iou(), axis=0), "int32")
        return ops.where(ops.convert_to_tensor(self.class_counts) > 0, best, -1)

    def result(self) -> Tensor:
        """Returns the mean IoU of the classes that have pixels and a code.

        Returns:
            float32 scalar tensor, NaN if there are no such classes.
        """
        codes = self.best_codes() if self.class_codes is None else np.int32(self.class_codes)
        counted = (ops.convert_to_tensor(self.class_counts) > 0) & (codes >= 0)
        iou = ops.take_along_axis(self.iou(), ops.maximum(codes, 0)[None], axis=0)[0]
        counted = ops.cast(counted, "float32")
        classes = ops.sum(counted)
        mean = ops.sum(counted * iou) / ops.maximum(classes, 1.0)
        return ops.where(classes == 0, float("nan"), mean)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_codes": self.num_codes,
            "num_classes": self.num_classes,
            "class_codes": self.class_codes,
            "ignore_class": self.ignore_class,
        }

    def _add_counts(self, name: str, shape: Shape) -> keras.Variable:
        return self.add_weight(shape=shape, initializer="zeros", dtype="int32", name=name)

    def _check_class_codes(self, class_codes: ArrayLike | None) -> list[int] | None:
        """Returns the codes of classes as a list, as a config holds it, or None."""
        if class_codes is None:
            return None
        codes = np.asarray(ops.convert_to_numpy(class_codes))
        valid = np.issubdtype(codes.dtype, np.integer) and codes.shape == (self.num_classes,)
        if not valid or codes.min() < -1 or codes.max() >= self.num_codes:
            raise ValueError(
                f"`class_codes` must be {self.num_classes} integers, one per class, from -1 to "
                f"{self.num_codes - 1}. Received: {class_codes}"
            )
        return codes.tolist()


def _count(indices: Tensor, counted: Tensor, size: int) -> Tensor:
    """Counts how often each of 0..size - 1 occurs where `counted` is true, int32 `(size,)`."""
    indices = ops.reshape(ops.where(counted, indices, 0), (-1,))
    ones = ops.reshape(ops.cast(counted, "int32"), (-1,))
    return ops.segment_sum(ones, indices, num_segments=size)
