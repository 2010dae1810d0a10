"""Ridge regression against scikit-learn, and its choice of penalty against refitting."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneGroupOut, LeaveOneOut, cross_val_predict

from fowh.core.release import Floats
from fowh.kit import ridge

STRENGTHS = 10.0 ** np.arange(-6, 1.5, 0.5)
SHAPES = [(40, 15), (40, 90)]  # solved by features, and by samples


def problem(n: int, f: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Features, three targets that depend on them, groups of five rows."""
    rng = np.random.default_rng(n)
    features = rng.standard_normal((n, f)).astype(np.float32)
    target = features[:, :3] + rng.standard_normal((n, 3)).astype(np.float32)
    return features - features.mean(0), target - target.mean(0), np.arange(n) // 5


def wide(features: Floats, target: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return features.astype(np.float64), target.astype(np.float64)


def kernel(features: Floats) -> tuple[NDArray[np.float64], torch.Tensor]:
    """A kernel matrix, linear and Gaussian, for both libraries."""
    x = features.astype(np.float64)
    square = np.square(x[:, None] - x).sum(axis=2)
    gram = 0.1 * x @ x.T + np.exp(-square / 20)
    return gram, torch.from_numpy(gram)


@pytest.mark.parametrize("shape", SHAPES)
def test_weights_are_scikit_learns(shape: tuple[int, int]) -> None:
    features, target, _ = problem(*shape)
    reference = Ridge(alpha=3.0, fit_intercept=False).fit(*wide(features, target))
    np.testing.assert_allclose(ridge.fit(features, target, 3.0), reference.coef_.T, atol=1e-5)


def test_the_unit_of_penalties_is_the_summed_square() -> None:
    features, _, _ = problem(*SHAPES[0])
    assert ridge.power(features) == pytest.approx(np.square(features).sum(), rel=1e-5)
    assert ridge.power(0 * features) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_left_out_errors_are_those_of_refitting(shape: tuple[int, int]) -> None:
    features, target, groups = problem(*shape)
    errors = ridge.left_out_errors(features, target, groups, STRENGTHS)
    for number in (4, 9, 14):
        guess = cross_val_predict(
            Ridge(alpha=STRENGTHS[number] * np.square(features).sum()),
            *wide(features, target),
            groups=groups,
            cv=LeaveOneGroupOut(),
        )
        assert errors[number] == pytest.approx(np.square(target - guess).sum(), rel=5e-3)


def test_rows_beyond_the_groups_teach_but_are_never_left_out() -> None:
    features, target, groups = problem(40, 15)
    first = groups[:20]
    errors = ridge.left_out_errors(features, target, first, STRENGTHS[9:10])
    whole = Ridge(alpha=STRENGTHS[9] * np.square(features).sum())
    wanted = 0.0
    for group in np.unique(first):
        rows = np.flatnonzero(first == group)
        rest = np.setdiff1d(np.arange(40), rows)
        whole.fit(*wide(features[rest], target[rest]))
        wanted += np.square(target[rows] - whole.predict(features[rows])).sum()
    assert errors[0] == pytest.approx(wanted, rel=5e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_held_out_rows_choose_among_fits_to_the_others(shape: tuple[int, int]) -> None:
    features, target, groups = problem(*shape)
    held = groups >= 6
    x, y = wide(features, target)
    axes = min((~held).sum(), shape[1])  # directions that the others have
    fits = []
    for strength in STRENGTHS:
        alpha = strength * np.square(x[~held]).sum() / axes
        reference = Ridge(alpha=alpha, fit_intercept=False, solver="svd").fit(x[~held], y[~held])
        fits.append((np.square(reference.predict(x[held]) - y[held]).sum(), reference.coef_.T))
    weights = ridge.fit_held_out(features, target, held, STRENGTHS)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, min(fits, key=lambda pair: pair[0])[1], atol=1e-4)


def test_redundant_features_get_equal_weights() -> None:
    features, target, groups = problem(40, 15)
    twice = np.concatenate([features, features], axis=1)
    weights = ridge.fit_held_out(twice, target, groups == 0, STRENGTHS)
    np.testing.assert_allclose(weights[:15], weights[15:], atol=1e-5)
    assert np.abs(weights).max() < 2


def test_kernel_weights_are_scikit_learns() -> None:
    features, target, _ = problem(40, 15)
    gram, tensor = kernel(features)
    before = tensor.clone()
    inverse, dual = ridge.kernel_fit(tensor, torch.from_numpy(target.astype(np.float64)), 0.3)
    reference = KernelRidge(alpha=0.3, kernel="precomputed").fit(gram, target.astype(np.float64))
    np.testing.assert_allclose(dual.numpy(), reference.dual_coef_, atol=1e-8)
    np.testing.assert_allclose(inverse.numpy() @ (gram + 0.3 * np.eye(40)), np.eye(40), atol=1e-8)
    factor = ridge.kernel_factor(tensor, 0.3).numpy()
    np.testing.assert_allclose(factor @ factor.T, gram + 0.3 * np.eye(40), atol=1e-8)
    assert torch.equal(tensor, before)


def refitted(penalty: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Residuals of the kernel problem with each group really left out; some have one row."""
    features, target, groups = problem(40, 15)
    groups = np.where(np.arange(40) < 25, groups, 100 + np.arange(40))
    gram, _ = kernel(features)
    model = KernelRidge(alpha=penalty, kernel="precomputed")
    y = target.astype(np.float64)
    guess = cross_val_predict(model, gram, y, groups=groups, cv=LeaveOneGroupOut())
    return y - guess, groups


def test_kernel_residuals_are_those_of_refitting() -> None:
    wanted, groups = refitted(0.3)
    features, target, _ = problem(40, 15)
    _, gram = kernel(features)
    fitted = ridge.kernel_fit(gram, torch.from_numpy(target.astype(np.float64)), 0.3)
    found = ridge.kernel_left_out(*fitted, torch.from_numpy(groups))
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-8)


def test_the_kernels_penalty_is_that_of_least_error_on_the_judged_rows() -> None:
    penalties = (1e-4, 0.1, 1.0, 10.0, 1e4)
    features, target, _ = problem(40, 15)
    _, gram = kernel(features)
    y = torch.from_numpy(target.astype(np.float64))
    chosen = []
    for judged in (8, 40):
        errors = [float(np.square(refitted(p)[0][:judged]).sum()) for p in penalties]
        groups = torch.from_numpy(refitted(1.0)[1])
        found = ridge.kernel_choice(gram, y, groups, judged, penalties)
        assert found == penalties[int(np.argmin(errors))]
        chosen.append(found)
    assert chosen == [10.0, 1.0]  # who is judged matters


def test_many_targets_share_one_decomposition_and_a_strength() -> None:
    features, target, _ = problem(40, 15)
    gram, _ = kernel(features)
    wanted = target.astype(np.float64)
    unit = np.trace(gram) / len(gram)
    dual, missed = ridge.kernel_each(gram, wanted, STRENGTHS)
    errors = []
    for strength in STRENGTHS:
        model = KernelRidge(alpha=strength * unit, kernel="precomputed")
        left_out = cross_val_predict(model, gram, wanted, cv=LeaveOneOut())
        errors.append(np.square(left_out - wanted).sum())
    assert missed == pytest.approx(min(errors) / np.square(wanted).sum(), rel=1e-4)
    best = KernelRidge(alpha=STRENGTHS[np.argmin(errors)] * unit, kernel="precomputed")
    np.testing.assert_allclose(dual, best.fit(gram, wanted).dual_coef_, rtol=1e-4, atol=1e-6)


def test_where_there_is_nothing_to_tell_nothing_is_explained() -> None:
    gram, _ = kernel(problem(40, 15)[0])
    dual, missed = ridge.kernel_each(gram, np.zeros((40, 2)), STRENGTHS)
    assert not dual.any() and missed == 0
    noise = np.random.default_rng(0).standard_normal((40, 200))
    assert ridge.kernel_each(gram, noise, STRENGTHS)[1] > 0.95
