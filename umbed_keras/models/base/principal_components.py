"""Principal components of samples, and the scale of their coefficients."""

import math

import numpy as np

from umbed_keras.typing import ArrayLike


def principal_components(
    samples: ArrayLike, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Computes the leading principal components of samples.

    Args:
        samples: floating array `(n, dim)`.
        count: int, number of components. Components beyond `dim` are zero.

    Returns:
        Tuple of float32 arrays: the mean `(dim,)`, the components `(dim, count)` as orthonormal
        columns, and the standard deviations `(count,)` of the samples along them, largest first.

    Examples:
        >>> samples = np.array([[0.0, 1.0], [4.0, 1.0]])
        >>> mean, components, deviations = principal_components(samples, 1)
        >>> mean.tolist(), deviations.tolist()
        ([2.0, 1.0], [2.0])
        >>> np.abs(components).round(6).tolist()
        [[1.0], [0.0]]
    """
    samples = np.asarray(samples, "float32")
    mean = samples.mean(axis=0, dtype="float64")
    centred = samples - mean.astype("float32")
    covariance = (centred.T @ centred).astype("float64") / len(samples)
    variances, vectors = np.linalg.eigh(covariance)
    components = np.zeros((samples.shape[1], count))
    deviations = np.zeros(count)
    kept = min(count, samples.shape[1])
    components[:, :kept] = vectors[:, ::-1][:, :kept]
    deviations[:kept] = np.sqrt(np.maximum(variances[::-1][:kept], 0))
    return mean.astype("float32"), components.astype("float32"), deviations.astype("float32")


def latent_scale(
    deviations: np.ndarray, values: int, latent_dim: int, unit_variance: bool
) -> np.ndarray:
    """Returns the divisors that turn coefficients of principal components into latents.

    Args:
        deviations: floating array `(count,)`, standard deviations of the coefficients, largest
            first.
        values: int, size of the vectors that were analysed.
        latent_dim: int, size of the latent vectors.
        unit_variance: bool; True asks for latents of unit variance. False asks for latents whose
            mean squared error equals that of the vectors.

    Returns:
        float32 array `(count,)`.

    Examples:
        >>> latent_scale(np.array([2.0, 1.0]), values=8, latent_dim=2, unit_variance=False).tolist()
        [2.0, 2.0]
        >>> latent_scale(np.array([2.0, 1.0]), values=8, latent_dim=2, unit_variance=True).tolist()
        [2.0, 1.0]
    """
    if unit_variance:
        return np.maximum(deviations, 1e-3 * max(deviations[0], 1e-6))
    return np.full(len(deviations), math.sqrt(values / latent_dim), "float32")
