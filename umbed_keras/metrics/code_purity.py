"""How well single codes coincide with labelled classes."""

import keras
import numpy as np
from keras import ops

from umbed_keras.ops.checks import check_integers


def signed_atoms(indices, coefficients, num_atoms):
    """A sparse code as codes that are on or off, an atom and its negative apart.

    An atom is a direction, and what lies on either side of the origin along it may be light here
    and dark there: two concepts.

    Args:
        indices: integers in 0..num_atoms - 1, any shape.
        coefficients: floats of the same shape.
        num_atoms: int, size of the dictionary.

    Returns:
        int32 of the same shape: the index where the coefficient is positive, `num_atoms` more
        where it is negative, -1 where it is 0, as the atom only fills a place there.
    """
    indices = ops.cast(indices, "int32")
    coefficients = ops.convert_to_tensor(coefficients)
    signed = ops.where(coefficients < 0, indices + num_atoms, indices)
    return ops.where(ops.equal(coefficients, 0), -1, signed)


@keras.saving.register_keras_serializable(package="umbed_keras")
class CodePurity(keras.metrics.Metric):
    """Mean IoU of labelled classes with the best single code of each; higher is better.

    After network dissection (Bau, Zhou, Khosla, Oliva & Torralba 2017, arXiv:1704.05796), which
    asks of a network's units what this asks of codes: how far the pixels where a code is on are
    those of a class. The IoU is the number of pixels that have both over that of pixels that have
    either. From 0 to 1, which says that each class has a code that is on there and nowhere else.

    The more codes there are, the better the best one of a class looks by chance. So let it be
    chosen on some images and tested on others:

        chosen = CodePurity(num_codes, num_classes)
        chosen.update_state(codes, labels)
        purity = CodePurity(num_codes, num_classes, class_codes=chosen.best_codes())
        purity.update_state(other_codes, other_labels)
        purity.result()

    Counts are int32 and exact up to 2^31 - 1 pixels.

    Args:
        num_codes: int, size of the codebook; of a dictionary twice the number of atoms (see
            `signed_atoms`).
        num_classes: int.
        class_codes: `(num_classes,)` integers, the code of each class, or -1 for a class to leave
            out; None takes for each class the code with the largest IoU on what was added.
        ignore_class: int or None, a class whose pixels count nowhere.

    Raises:
        ValueError: a number below 1, or `class_codes` of another shape or out of range.
    """

    def __init__(
        self,
        num_codes,
        num_classes,
        class_codes=None,
        ignore_class=None,
        name="code_purity",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        check_integers(num_codes=(1, num_codes), num_classes=(1, num_classes))
        self.num_codes = int(num_codes)
        self.num_classes = int(num_classes)
        self.class_codes = self._check_class_codes(class_codes)
        self.ignore_class = ignore_class
        self._direction = "up"  # where Keras's callbacks look for what better means
        # Rounded, a float32 sum would stop to grow at 2^24 pixels, 64 images of 512 x 512.
        shape = (self.num_codes, self.num_classes)
        self.both = self._add_counts("both", shape)
        self.class_counts = self._add_counts("class_counts", shape[1:])

    def update_state(self, codes, labels):
        """Adds pixels.

        Args:
            codes: integers, `labels`' shape or that with an axis of a pixel's codes, no two of
                which are the same; a negative one is none. Those of a residual quantizer's
                stages are told apart by `bottleneck.used_entries(codes)[0]`.
            labels: integers, any shape; those outside 0..num_classes - 1 say that a pixel has
                none, and it counts nowhere.

        Raises:
            ValueError: shapes that don't go together.
        """
        codes, labels = ops.cast(codes, "int32"), ops.cast(labels, "int32")
        shapes = tuple(codes.shape), tuple(labels.shape)
        # A compiled graph may know an axis of one of the two only.
        pairs = zip(*shapes, strict=False)
        if len(shapes[0]) - len(shapes[1]) not in (0, 1) or any(
            None not in pair and pair[0] != pair[1] for pair in pairs
        ):
            raise ValueError(
                "`codes` must have the shape of `labels`, or that and an axis of a pixel's codes. "
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

    def iou(self):
        """float32 `(num_codes, num_classes)`: of each code with each class, 0 where neither is."""
        both, classes = ops.convert_to_tensor(self.both), ops.convert_to_tensor(self.class_counts)
        either = ops.sum(both, axis=1, keepdims=True) + classes - both
        return ops.cast(both, "float32") / ops.cast(ops.maximum(either, 1), "float32")

    def best_codes(self):
        """int32 `(num_classes,)`: the code with the largest IoU, -1 for a class without pixels."""
        best = ops.cast(ops.argmax(self.iou(), axis=0), "int32")
        return ops.where(ops.convert_to_tensor(self.class_counts) > 0, best, -1)

    def result(self):
        """The mean over the classes that have pixels and a code, a float32 scalar; 0 of none."""
        codes = self.best_codes() if self.class_codes is None else np.int32(self.class_codes)
        found = (ops.convert_to_tensor(self.class_counts) > 0) & (codes >= 0)
        iou = ops.take_along_axis(self.iou(), ops.maximum(codes, 0)[None], axis=0)[0]
        found = ops.cast(found, "float32")
        return ops.sum(found * iou) / ops.maximum(ops.sum(found), 1.0)

    def get_config(self):
        return {
            **super().get_config(),
            "num_codes": self.num_codes,
            "num_classes": self.num_classes,
            "class_codes": self.class_codes,
            "ignore_class": self.ignore_class,
        }

    def _add_counts(self, name, shape):
        return self.add_weight(shape=shape, initializer="zeros", dtype="int32", name=name)

    def _check_class_codes(self, class_codes):
        """A list of ints, as a configuration holds it, or None."""
        if class_codes is None:
            return None
        found = np.asarray(ops.convert_to_numpy(class_codes))
        whole = np.issubdtype(found.dtype, np.integer) and found.shape == (self.num_classes,)
        if not whole or found.min() < -1 or found.max() >= self.num_codes:
            raise ValueError(
                f"`class_codes` must be {self.num_classes} integers, one a class, from -1 to "
                f"{self.num_codes - 1}. Received: {class_codes}"
            )
        return found.tolist()


def _count(indices, counted, size):
    """How often each of 0..size - 1 is among those of `indices` that are counted, int32."""
    indices = ops.reshape(ops.where(counted, indices, 0), (-1,))
    ones = ops.reshape(ops.cast(counted, "int32"), (-1,))
    return ops.segment_sum(ones, indices, num_segments=size)
