"""The contract of a scheme for updates: what it may see, and what it says of what it did."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.checks import contract
from fowh.checks.contract import Claims, close, ensure
from fowh.core.release import Floats, Release
from fowh.core.scheme import Scheme
from fowh.core.updates import UpdateScheme

ROWS, BATCH, COORDINATES = 3, 4, 96  # rows that a server sees, samples of a client, an update
claims = Claims()


@dataclass(frozen=True)
class Case:
    """A scheme with gradients of single samples, drawn anew from fixed seeds."""

    scheme: UpdateScheme

    @cached_property
    def fitted(self) -> UpdateScheme:
        """The scheme; nothing of it is learnt."""
        return self.scheme

    @property  # not cached: a scheme that changes what it is given must not hide it
    def given(self) -> Floats:
        """Gradients (u, b, p), of unlike lengths."""
        rng = np.random.default_rng(2)
        clients = ROWS * self.scheme.summed
        made = rng.standard_normal((clients, BATCH, COORDINATES), dtype=np.float32)
        return made * np.exp(rng.standard_normal((clients, BATCH, 1))).astype(np.float32)

    def let_out(self, gradients: Floats | None = None, seed: int = 3) -> Release:
        """What the server sees, by default from the same generator."""
        values = self.given if gradients is None else gradients
        keys = np.zeros(len(values), dtype=np.uint64)
        return self.scheme.release(values, keys, np.random.default_rng(seed))

    def misfit(self, gradients: Floats, release: Release) -> NDArray[np.float64]:
        """How badly guesses (n, s, p) explain what was seen, row by row."""
        import torch

        guess, seen = torch.from_numpy(gradients), torch.from_numpy(release.code)
        found: NDArray[Any] = self.scheme.misfit(guess, seen, BATCH).numpy()
        return found.astype(np.float64)

    @property
    def behind(self) -> Floats:
        """The gradients behind each row, (n, s, p)."""
        return self.given.reshape(ROWS, -1, COORDINATES)

    def use(self, scheme: Scheme) -> object:
        """Put a scheme of other parameters to use."""
        assert isinstance(scheme, UpdateScheme)
        values = Case(scheme).given if scheme.summed < 100 else self.given[: scheme.summed]
        keys = np.zeros(len(values), dtype=np.uint64)
        if len(values) % scheme.summed:
            return scheme.bits(COORDINATES)
        return scheme.release(values, keys, np.random.default_rng(0))


@claims
def _shape(case: Case) -> str:
    """A server sees a row for so many clients, as many numbers as the network has."""
    left = case.let_out()
    expected = (ROWS, COORDINATES)
    ensure(left.code.shape == expected, f"shape {left.code.shape}, not {expected}")
    ensure(left.code.dtype == np.float32, f"dtype {left.code.dtype}, not float32")
    ensure(np.isfinite(left.code).all(), "a coordinate is not finite")
    ensure(left.each == BATCH * case.scheme.summed, f"{left.each} samples behind a row")
    ensure(not left.aux and left.token is None, "something leaves beside it")
    return f"{left.each} samples behind each row"


@claims
def _repeatable(case: Case) -> str:
    """An equal generator gives equal rows."""
    ensure(np.array_equal(case.let_out().code, case.let_out().code), "they differ")
    return "the same from the same generator"


@claims
def _untouched(case: Case) -> str:
    """Gradients are left as they were."""
    values = case.given
    case.let_out(values)
    ensure(np.array_equal(values, case.given), "it changes them")
    return f"{values.shape}"


@claims
def _alone(case: Case) -> str:
    """What one row shows does not depend on the clients behind another."""
    values = case.given
    values[case.scheme.summed :] *= -3
    one, two = case.let_out().code[0], case.let_out(values).code[0]
    ensure(np.array_equal(one, two), "others change it")
    return "whoever sends beside them"


@claims
def _order(case: Case) -> str:
    """The order of a client's samples, and of clients in a sum, plays no part."""
    turned = case.behind[:, ::-1].reshape(case.given.shape)
    close(case.let_out(np.ascontiguousarray(turned)).code, case.let_out().code, "it does")
    return "samples and clients reversed"


@claims
def _tensors(case: Case) -> str:
    """What it does to single gradients is the same for arrays and for tensors."""
    import torch

    array = case.scheme.each(case.given)
    tensor = case.scheme.each(torch.from_numpy(case.given)).numpy()
    ensure(array.shape == case.given.shape, f"shape {array.shape}")
    close(tensor, array, "they differ")
    return "arrays and tensors"


@claims
def _likely(case: Case) -> str:
    """What really happened explains a row better than what happened elsewhere."""
    left, true = case.let_out(), case.behind
    own, other = case.misfit(true, left), case.misfit(np.roll(true, 1, axis=0), left)
    ensure(own.shape == (ROWS,) and np.isfinite(own).all(), f"misfit {own.shape} is no number each")
    wide = case.scheme.deviation(left.code, BATCH)
    signal = np.sqrt(np.square(left.code).mean(axis=1))
    if (wide < signal / 2).all():  # else noise hides the difference in so few coordinates
        ensure(bool((own < other).all()), f"misfit {own} of the truth, {other} of others'")
    return f"misfit {own.mean():.3g}, of others' {other.mean():.3g}"


@claims
def _differentiable(case: Case) -> str:
    """An attacker can follow the misfit downhill."""
    import torch

    guess = torch.from_numpy(np.roll(case.behind, 1, axis=0).copy()).requires_grad_()
    seen = torch.from_numpy(case.let_out().code)
    case.scheme.misfit(guess, seen, BATCH).sum().backward()  # type: ignore[no-untyped-call]
    slope = guess.grad
    ensure(slope is not None and bool(torch.isfinite(slope).all()), "no finite derivative")
    assert slope is not None
    ensure(bool((slope != 0).any()), "the derivative is zero everywhere")
    return "its derivative is finite"


@claims
def _noise(case: Case) -> str:
    """What it adds is as wide as it says."""
    left = np.stack([case.let_out(seed=seed).code for seed in range(60)])
    said = case.scheme.deviation(left[0], BATCH)
    seen = np.sqrt(left.var(axis=0).mean(axis=1))
    ensure(bool((seen <= 1.2 * said + 1e-6).all()), f"{seen} seen, {said} said")
    ensure(said.shape == (ROWS,) and bool((said >= 0).all()), f"deviation {said}")
    return f"deviation {said.mean():.3g}, seen {seen.mean():.3g}"


@claims
def _mean(case: Case) -> str:
    """A training takes the mean of what clients send, noise included, and nothing better."""
    means = np.asarray(case.scheme.each(case.given), dtype=np.float32).mean(axis=1)
    many = range(60)
    sent = [case.scheme.update(means, BATCH, np.random.default_rng(n)).mean(axis=0) for n in many]
    taken = [case.scheme.mean(means, BATCH, np.random.default_rng(n)) for n in many]
    wide, seen = (np.sqrt(np.var(each, axis=0).mean()) for each in (sent, taken))
    off = np.abs(np.mean(sent, axis=0) - np.mean(taken, axis=0)).max()
    ensure(
        abs(seen - wide) <= 0.2 * wide + 1e-6, f"noise of {wide:.3g} sent, {seen:.3g} trained on"
    )
    ensure(bool(off <= wide + 1e-5), f"what is trained on is {off:.3g} from what is sent")
    return f"noise of {wide:.3g} sent, {seen:.3g} trained on"


@claims
def _spent(case: Case) -> str:
    """A guarantee grows weaker with every round."""
    once, often = (case.scheme.spent(rounds, 0.1, 1e-3) for rounds in (20, 200))
    if once is None or often is None:
        ensure(once is often, "a guarantee for one length of training and none for another")
        return "none"
    ensure(0 < once < often, f"epsilon {once} after 20 rounds, {often} after 200")
    return f"epsilon {often:.3g} after 200 rounds"


@claims
def _bits(case: Case) -> str:
    """An update has a size."""
    bits = case.scheme.bits(COORDINATES)
    ensure(0 < bits <= 64 * COORDINATES, f"{bits} bits for {COORDINATES} coordinates")
    return f"{bits / COORDINATES:.3g} bits a coordinate"


@claims
def _parameters(case: Case) -> str:
    """Parameters survive the command line."""
    return contract.parameters_survive_the_command_line(case.scheme, "scheme")


@claims
def _nonsense(case: Case) -> str | None:
    """Absurd parameters work or are refused in one line."""
    return contract.nonsense_is_refused_in_one_line(case.scheme, "scheme", case.use)
