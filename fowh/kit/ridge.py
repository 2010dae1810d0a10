"""Ridge regression in closed form, how its penalty is chosen, and the same with a kernel.

Rows are samples. Leaving out the rows S of one group changes their residual to the solution of one
small system, so that no choice of a penalty fits anything twice (An, Liu, Venkatesh, "Fast
cross-validation algorithms for least squares support vector machine and kernel ridge regression",
Pattern Recognition 2007). Features and targets are NumPy arrays; kernel matrices are torch tensors,
for their inverses are large enough to want a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import Tensor

Strengths = NDArray[np.float64]  # penalties, in units that the function names


def fit(features: Floats, target: Floats, penalty: float) -> Floats:
    """Weights (f, d) of least squared error without intercept, solved in the smaller of n and f.

    Args:
        features: (n, f) float32, centred.
        target: (n, d) float32, centred.
        penalty: what the squared weights cost; ``power`` tells its scale.

    Raises:
        numpy.linalg.LinAlgError: the penalty is too small for single precision.
    """
    from scipy.linalg import cho_factor, cho_solve

    n, f = features.shape
    dual = n < f
    gram = features @ features.T if dual else features.T @ features
    gram.flat[:: len(gram) + 1] += penalty
    factor = cho_factor(gram)
    weights: Floats = (
        features.T @ cho_solve(factor, target) if dual else cho_solve(factor, features.T @ target)
    )
    return weights


def power(features: Floats) -> float:
    """Summed squares of the features; 1 where there is nothing."""
    return float(np.einsum("ij,ij->", features, features)) or 1.0


def left_out_errors(
    features: Floats, target: Floats, groups: NDArray[np.int64], strengths: Strengths
) -> NDArray[np.float64]:
    """Summed squared error at each strength of predicting every group from all other rows.

    Leaving out the rows S of one group changes their residual r_S to (1 - H_SS)^-1 r_S, H the hat
    matrix (intercept included), which one eigendecomposition gives for every strength.

    Args:
        features: (n, f) float32, centred.
        target: (n, d) float32, centred.
        groups: which rows are left out together, of the first rows; the others never are.
        strengths: (k,) penalties in units of ``power(features)``.
    """
    from scipy.linalg import eigh

    n, f = features.shape
    gram = features.T @ features if f <= n else features @ features.T
    spectrum, axes = eigh(gram, driver="evd", check_finite=False)
    kept = spectrum > 1e-7 * spectrum[-1]
    spectrum, axes = spectrum[kept], axes[:, kept]
    left = features @ (axes / np.sqrt(spectrum)) if f <= n else axes
    own, inside, unit = left[: len(groups)], left.T @ target, power(features)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    errors = np.zeros(len(strengths))
    for number, strength in enumerate(strengths):
        shrunk = own * (spectrum / (spectrum + strength * unit))
        residual = target[: len(groups)] - shrunk @ inside
        for rows in members:
            change = np.eye(len(rows)) - 1 / n - shrunk[rows] @ own[rows].T
            errors[number] += np.square(np.linalg.solve(change, residual[rows])).sum()
    return errors


def fit_held_out(
    features: Floats, target: Floats, held: NDArray[np.bool_], strengths: Strengths
) -> Floats:
    """Weights (f, d) fitted to the rows that are not held out, of least error on those that are.

    One singular value decomposition gives every strength; directions without power are left out, so
    that features may be as redundant as they like.

    Args:
        features: (n, f) float32, centred.
        target: (n, d) float32, centred.
        held: (n,) the rows that choose.
        strengths: (k,) penalties in units of a direction's mean power.
    """
    known = features[~held]
    _, values, rows = np.linalg.svd(known, full_matrices=False)
    axes = rows[values > 1e-5 * max(values[0], 1e-12)].T
    left = known @ axes
    inside, spectrum = left.T @ target[~held], np.square(left).sum(axis=0)
    unit = spectrum.mean() or 1.0
    fits = [axes @ (inside / (spectrum + strength * unit)[:, None]) for strength in strengths]
    errors = [np.square(features[held] @ weights - target[held]).sum() for weights in fits]
    best: Floats = fits[int(np.argmin(errors))].astype(np.float32)
    return best


def kernel_each(
    gram: NDArray[np.float64], targets: NDArray[np.float64], strengths: Strengths
) -> tuple[NDArray[np.float64], float]:
    """Dual weights of many targets at the strength of least error on rows that are left out.

    One eigendecomposition serves all targets and strengths; a row that is left out is missed by
    (K^-1 y)_i / (K^-1)_ii, K the penalised kernel matrix. All targets share the strength.

    Args:
        gram: (m, m), the kernel of every two rows.
        targets: (m, n), a column each.
        strengths: (k,) penalties in units of the matrix's mean eigenvalue.

    Returns:
        (m, n) dual weights, and the squared error of what is left out, in units of the squared
        targets: below 1 only where the rows tell something.
    """
    from scipy.linalg import eigh

    spectrum, axes = eigh(gram, driver="evd", check_finite=False)
    spectrum = np.maximum(spectrum, 0)
    unit, inside, squared = spectrum.mean() or 1.0, axes.T @ targets, axes**2
    best, least = np.zeros_like(targets), np.inf
    for strength in strengths:
        shrunk = 1 / (spectrum + strength * unit)
        dual = axes @ (shrunk[:, None] * inside)
        missed = float(np.square(dual / (squared @ shrunk)[:, None]).sum())
        if missed < least:
            best, least = dual, missed
    return best, least / (float(np.square(targets).sum()) or 1.0)


def kernel_factor(gram: Tensor, penalty: float) -> Tensor:
    """Cholesky factor (n, n) of the penalised kernel matrix K; ``gram`` is left as it is."""
    import torch

    penalised = gram.clone()
    penalised.diagonal().add_(penalty)
    factor: Tensor = torch.linalg.cholesky(penalised)
    return factor


def kernel_fit(gram: Tensor, target: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """The inverse (n, n) of the penalised kernel matrix K, and the weights (n, d) K^-1 y.

    Args:
        gram: (n, n), the kernel of every two rows.
        target: (n, d), y.
        penalty: what is added to the diagonal.
    """
    import torch

    inverse = torch.cholesky_inverse(kernel_factor(gram, penalty))
    return inverse, inverse @ target


def kernel_left_out(inverse: Tensor, dual: Tensor, groups: Tensor) -> Tensor:
    """Residual (n, d) of every row when its group is left out, from one fit to all rows.

    For a group S it is (K^-1)_SS^-1 (K^-1 y)_S.

    Args:
        inverse: (n, n) K^-1.
        dual: (n, d) K^-1 y.
        groups: (n,) int64.
    """
    import torch

    residual: Tensor = dual / inverse.diagonal()[:, None]
    names, counts = torch.unique(groups, return_counts=True)
    for group in names[counts > 1]:
        rows = (groups == group).nonzero()[:, 0]
        residual[rows] = torch.linalg.solve(inverse[rows][:, rows], dual[rows])
    return residual


def kernel_choice(
    gram: Tensor, target: Tensor, groups: Tensor, judged: int, penalties: Sequence[float]
) -> float:
    """The penalty of least summed squared error on the first ``judged`` rows, groups left out."""
    errors = []
    for penalty in penalties:
        off = kernel_left_out(*kernel_fit(gram, target, penalty), groups)
        errors.append(off[:judged].square().sum().item())
    return penalties[errors.index(min(errors))]
