"""What PyTorch's exporter is shown where Keras's own operations hide a size not known yet."""

from keras import backend, ops


def exporting():
    """Whether PyTorch's exporter is following what is computed."""
    if backend.backend() != "torch":
        return False
    import torch

    return torch.compiler.is_exporting()


def take(values, indices, axis):
    """`keras.ops.take` of indices `(n,)` from 0 up."""
    if not exporting():
        return ops.take(values, indices, axis=axis)
    import torch

    return torch.index_select(values, axis, indices)


def reflect_axis(images, axis, before, after):
    """Pads an axis of any length by reflection, as `reflect_pad` does, for the exporter."""
    import torch

    size = images.shape[axis]
    positions = torch.arange(-before, size + after, device=images.device)
    period = torch.full((), 2 * (size - 1), device=images.device).clamp(min=1)
    folded = torch.remainder(positions, period)
    return torch.index_select(images, axis, torch.minimum(folded, period - folded))
