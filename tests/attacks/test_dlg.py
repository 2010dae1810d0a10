"""Deep leakage from gradients, and the L-BFGS below it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from attacks import _lbfgs
from attacks._lbfgs import Lbfgs
from attacks.dlg import Dlg
from fowh.core.errors import InputError
from tests.attacks._updates import another, psnr, stolen


def rosenbrock(x: Tensor, rows: Tensor) -> Tensor:
    scale = 1.0 + rows  # every problem is another
    return scale * (100 * (x[:, 1] - x[:, 0] ** 2) ** 2 + (1 - x[:, 0]) ** 2)


def test_lbfgs_finds_the_bottom_of_every_valley() -> None:
    starts = torch.tensor([[-1.2, 1.0], [3.0, -2.0], [0.0, 0.0]], dtype=torch.float64)
    search = Lbfgs(rosenbrock, starts)
    for _ in range(200):
        search.step()
    torch.testing.assert_close(search.x, torch.ones(3, 2, dtype=torch.float64))
    assert not search.running.any()


def test_lbfgs_of_many_is_lbfgs_of_each() -> None:
    starts = torch.tensor([[-1.2, 1.0], [3.0, -2.0]], dtype=torch.float64)
    both = Lbfgs(rosenbrock, starts.clone())
    for _ in range(12):
        both.step()
    for row in range(2):
        alone = Lbfgs(lambda x, rows, row=row: rosenbrock(x, rows + row), starts[row : row + 1])  # type: ignore[misc]
        for _ in range(12):
            alone.step()
        torch.testing.assert_close(alone.x[0], both.x[row])


def test_lbfgs_goes_down_with_every_step_and_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lbfgs, "HISTORY", 2)
    search = Lbfgs(rosenbrock, torch.tensor([[-1.2, 1.0]], dtype=torch.float64))
    for _ in range(20):
        before = search.value.clone()
        search.step()
        assert (search.value <= before).all()
    assert len(search._moves) == 2


def test_a_problem_without_a_value_ends_at_once() -> None:
    search = Lbfgs(lambda x, rows: x.sum(dim=1).log(), torch.tensor([[-1.0, 0.0], [1.0, 1.0]]))
    assert search.running.tolist() == [False, True]


@pytest.mark.parametrize("label", ["joint", "analytic"])
def test_pictures_come_back_and_not_those_of_another(label: str) -> None:
    view, truth = stolen()
    attack = Dlg(steps=200, restarts=2, label=label)  # type: ignore[arg-type]
    assert psnr(attack.run(view, np.random.default_rng(0)), truth).min() > 30
    assert psnr(attack.run(another(view), np.random.default_rng(0)), truth).max() < 25


def test_a_batch_has_its_shape_and_it_repeats_itself() -> None:
    view, truth = stolen(rows=2, each=2)
    attack = Dlg(steps=3, restarts=2)
    made = attack.run(view, np.random.default_rng(0))
    assert made.shape == truth.shape and made.dtype == np.uint8
    torch.manual_seed(5)
    np.testing.assert_array_equal(made, attack.run(view, np.random.default_rng(0)))
    assert (made != attack.run(view, np.random.default_rng(1))).any()


@pytest.mark.parametrize("wanted", [0, 1])
def test_restarts_are_chosen_by_the_distance_whatever_the_picture(
    wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, truth = stolen()
    true = torch.from_numpy(truth).reshape(3, 64).double() / 255
    logits = torch.zeros(3, 4, dtype=torch.float64)
    ends = [torch.cat([picture, logits], dim=1) for picture in (true, 1 - true)]
    found = iter([(ends[number], np.full(3, float(number != wanted))) for number in range(2)])
    monkeypatch.setattr(Dlg, "_solve", lambda *given: next(found))
    made = Dlg(restarts=2, solved=1e-300).run(view, np.random.default_rng(0))
    np.testing.assert_array_equal(made, truth if wanted == 0 else 255 - truth)


def test_bad_parameters_are_one_line() -> None:
    with pytest.raises(InputError, match="restarts=0"):
        Dlg(restarts=0)
    with pytest.raises(InputError, match="give joint or analytic"):
        Dlg(label="known")  # type: ignore[arg-type]


def test_only_what_is_not_explained_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    view, _ = stolen()
    asked = []

    def solve(self: Dlg, given: object, part: np.ndarray, starts: Tensor) -> object:  # type: ignore[type-arg]
        asked.append(part.tolist())
        return starts, np.where(part == 1, 1.0, 0.0)

    monkeypatch.setattr(Dlg, "_solve", solve)
    Dlg(restarts=3).run(view, np.random.default_rng(0))
    assert asked == [[0, 1, 2], [1], [1]]
