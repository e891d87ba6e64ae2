"""What tells models of other weights apart."""

from keras import ops


def update_by_weights(digest, model):
    """Feeds a `hashlib` digest all weights of a model, as float32: the same on every backend."""
    for weight in model.weights:
        digest.update(ops.convert_to_numpy(ops.cast(weight, "float32")).tobytes())
