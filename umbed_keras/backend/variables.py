"""Numbers that layers keep beside what optimizers train."""


def add_state(layer, name, shape, initializer="zeros"):
    """A statistic: float32 whatever the policy, averaged over replicas, left by optimizers."""
    return layer.add_weight(
        name=name,
        shape=shape,
        initializer=initializer,
        dtype="float32",
        trainable=False,
        autocast=False,
        aggregation="mean",
    )
