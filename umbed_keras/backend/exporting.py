"""Operations that PyTorch's exporter can follow with sizes that are not known yet."""

from collections.abc import Callable, Sequence
from typing import Any

from keras import backend, ops

from umbed_keras.typing import Tensor


def exporting() -> bool:
    """Returns whether PyTorch's exporter is tracing the computation.

    Examples:
        >>> exporting()
        False
    """
    if backend.backend() != "torch":
        return False
    import torch

    return torch.compiler.is_exporting()


def one_operation(function: Callable[..., Any]) -> Callable[..., Any]:
    """Lets `torch.compile` take a function for one operation, whose Python it does not follow.

    Args:
        function: function of tensors and plain values that returns tensors.

    Returns:
        The function.

    Examples:
        >>> @one_operation
        ... def double(values):
        ...     return 2 * values
        >>> double(3)
        6
    """
    if backend.backend() == "torch":
        import torch

        torch.compiler.allow_in_graph(function)
    return function


def take(values: Tensor, indices: Tensor, axis: int) -> Tensor:
    """Takes elements along an axis, like `keras.ops.take`.

    Args:
        values: tensor.
        indices: int tensor `(n,)`, from 0 up.
        axis: int.

    Returns:
        Tensor of the shape of `values`, with `n` at `axis`.

    Examples:
        >>> indices = keras.ops.convert_to_tensor([2, 0], "int32")
        >>> keras.ops.convert_to_numpy(take(keras.ops.arange(3), indices, axis=0)).tolist()
        [2, 0]
    """
    if not exporting():
        return ops.take(values, indices, axis=axis)
    import torch

    return torch.index_select(values, axis, indices)


def gather(values: Tensor, indices: Tensor, axis: int) -> Tensor:
    """Gathers elements along an axis, like `keras.ops.take_along_axis`.

    Args:
        values: tensor.
        indices: int tensor of as many axes, from 0 up; while a graph is exported, of 64 bits.
        axis: int.

    Returns:
        Tensor of the shape of `indices` and the dtype of `values`.

    Examples:
        >>> indices = keras.ops.convert_to_tensor([2, 0, 2, 1], "int32")
        >>> keras.ops.convert_to_numpy(gather(keras.ops.arange(3), indices, axis=0)).tolist()
        [2, 0, 2, 1]
    """
    if not exporting():
        return ops.take_along_axis(values, indices, axis=axis)
    import torch

    return torch.gather(values, axis, indices)


def count_up(size: int | Tensor) -> Tensor:
    """Returns the integers from 0 to a size, like `keras.ops.arange`.

    Args:
        size: int, or what `keras.ops.shape` gives for an unknown size.

    Returns:
        int32 tensor `(size,)`.

    Examples:
        >>> keras.ops.convert_to_numpy(count_up(3)).tolist()
        [0, 1, 2]
    """
    if not exporting():
        return ops.arange(size, dtype="int32")
    import torch

    return torch.arange(size, dtype=torch.int32)


def larger(size: int | Tensor, other: int) -> int | Tensor:
    """Returns the larger of two sizes, the first of which may not be known yet.

    Args:
        size: int, or what `keras.ops.shape` gives for an unknown size.
        other: int.

    Returns:
        int, or what stands for it while a graph is made.

    Examples:
        >>> larger(3, 5)
        5
    """
    if isinstance(size, int):
        return max(size, other)
    if not exporting():
        return ops.maximum(size, other)
    import torch

    return torch.sym_max(size, other)


def smallest(values: Tensor, limit: int | Tensor) -> Tensor:
    """Limits integers from above by a size that may not be known yet.

    Args:
        values: int tensor.
        limit: int, or what `keras.ops.shape` gives for an unknown size.

    Returns:
        Tensor of the shape and dtype of `values`.

    Examples:
        >>> keras.ops.convert_to_numpy(smallest(keras.ops.arange(4), 2)).tolist()
        [0, 1, 2, 2]
    """
    if not exporting():
        return ops.minimum(values, limit)
    import torch

    return torch.clamp(values, max=limit)


def reflect_axis(
    images: Tensor, axis: int, before: int, after: int, repeat_edge: bool = False
) -> Tensor:
    """Pads an axis of any size by reflection, on PyTorch alone.

    Args:
        images: PyTorch tensor.
        axis: int.
        before: int, number of elements added at the start.
        after: int, number of elements added at the end.
        repeat_edge: bool, True reflects about the edge of the outermost element, which stands
            twice then, as in SciPy's mode `"reflect"`.

    Returns:
        Tensor padded like `umbed_keras.ops.reflect.reflect_pad` does.

    Examples:
        >>> if keras.backend.backend() == "torch":
        ...     padded = reflect_axis(keras.ops.arange(3), 0, 2, 3).tolist()
        ...     assert padded == [2, 1, 0, 1, 2, 1, 0, 1]
    """
    import torch

    size = images.shape[axis]
    positions = torch.arange(-before, size + after, device=images.device)
    repeated = int(repeat_edge)
    period = torch.full((), 2 * (size - 1 + repeated), device=images.device).clamp(min=1)
    folded = torch.remainder(positions, period)
    return torch.index_select(images, axis, torch.minimum(folded, period - repeated - folded))


def shorter_side(height: int | Tensor, width: int | Tensor) -> Tensor:
    """Returns the smaller one of two sizes that are not known yet, on PyTorch alone.

    Args:
        height, width: ints, or what `keras.ops.shape` gives for unknown sizes.

    Returns:
        Int tensor `()`.

    Examples:
        >>> if keras.backend.backend() == "torch":
        ...     assert int(shorter_side(30, 20)) == 20
    """
    import torch

    return torch.minimum(torch.full((), height), torch.full((), width))


def sum_windows(planes: Sequence[Tensor], radius: int | Tensor, largest: int) -> list[Tensor]:
    """Sums square windows whose radius may depend on unknown sizes, on PyTorch alone.

    Args:
        planes: PyTorch tensors `(..., height, width)` of one shape, 0 beyond their borders.
        radius: int, or int tensor `()`; windows have sides of `2 * radius + 1` pixels.
        largest: int, the largest radius that there may be.

    Returns:
        List of tensors of the shape of `planes`.

    Examples:
        >>> if keras.backend.backend() == "torch":
        ...     ones = keras.ops.ones((1, 3, 4))
        ...     (sums,) = sum_windows([ones], keras.ops.convert_to_tensor(1), largest=5)
        ...     assert sums[0, 1].tolist() == [6, 9, 9, 6]
    """
    import torch

    count, shape = len(planes), planes[0].shape
    together = torch.stack([plane.reshape(-1, *shape[-2:]) for plane in planes], dim=1)
    inside = torch.arange(-largest, largest + 1, device=together.device).abs() <= radius
    kernel = inside.to(together.dtype).repeat(count, 1, 1)
    sums = torch.nn.functional.conv2d(
        together, kernel[..., None], padding=(largest, 0), groups=count
    )
    sums = torch.nn.functional.conv2d(sums, kernel[:, :, None], padding=(0, largest), groups=count)
    return [sums[:, index].reshape(shape) for index in range(count)]
