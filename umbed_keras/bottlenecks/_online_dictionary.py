"""The step of online dictionary learning that moves the atoms."""

from keras import ops

from umbed_keras.typing import Tensor


def improved_atoms(
    atoms: Tensor, code_moments: Tensor, signal_moments: Tensor, sweeps: int
) -> Tensor:
    """Lowers the mean squared coding error, as running averages know it, in the dictionary.

    The problem of Mairal, Bach, Ponce & Sapiro (2010), but all atoms move at once. The step of an
    atom is 1 / the sum of its row of |code moments|. This diagonal bounds the matrix from above,
    so the error never grows.

    Args:
        atoms: float32 `(num_atoms, dim)`.
        code_moments: float32 `(num_atoms, num_atoms)`, mean of code x code.
        signal_moments: float32 `(num_atoms, dim)`, mean of code x signal.
        sweeps: int, number of steps.

    Returns:
        float32 `(num_atoms, dim)`, of unit length.

    Examples:
        >>> atoms = keras.ops.eye(2)
        >>> signal_moments = keras.ops.convert_to_tensor([[3.0, 4.0], [0.0, 1.0]])
        >>> improved = improved_atoms(atoms, keras.ops.eye(2), signal_moments, sweeps=1)
        >>> np.round(keras.ops.convert_to_numpy(improved), 3).tolist()
        [[0.6, 0.8], [0.0, 1.0]]
    """
    bound = ops.sum(ops.abs(code_moments), axis=1, keepdims=True)
    step = ops.where(bound > 0, 1 / ops.where(bound > 0, bound, 1.0), 0.0)
    for _ in range(sweeps):
        atoms = atoms + step * (signal_moments - ops.matmul(code_moments, atoms))
    return ops.normalize(atoms, axis=-1)
