"""Inverting gradients: what it gets back where it can, what it chooses by, and what it knows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from attacks import invert_gradients
from attacks._guessed import variation
from attacks._own_updates import likeness, tried
from attacks.invert_gradients import InvertGradients
from fowh.core.errors import InputError
from fowh.core.updates import UpdateScheme
from tests.attacks._updates import Clipped, Largest, Noisy, another, psnr, stolen

ATTACK = InvertGradients(steps=300, tv=0.001)


def run(attack: InvertGradients, view, seed: int = 0):  # type: ignore[no-untyped-def]
    return attack.run(view, np.random.default_rng(seed))


def test_pictures_come_back_and_not_those_of_another() -> None:
    view, truth = stolen()
    assert psnr(run(ATTACK, view), truth).min() > 30
    assert psnr(run(ATTACK, another(view)), truth).max() < 25


def test_a_batch_comes_back_in_some_order() -> None:
    view, truth = stolen(rows=2, each=2)
    made = run(ATTACK, view)
    assert made.shape == truth.shape and made.dtype == np.uint8
    pairs = [made.reshape(2, 2, 8, 8)[:, order].reshape(4, 8, 8) for order in ([0, 1], [1, 0])]
    best = np.maximum(*(psnr(pair, truth).reshape(2, 2).mean(axis=1) for pair in pairs))
    assert best.min() > 22


def test_it_repeats_itself_and_depends_on_its_own_randomness_alone() -> None:
    view, _ = stolen()
    attack = InvertGradients(steps=5)
    torch.manual_seed(1)
    first = run(attack, view)
    torch.manual_seed(2)
    np.testing.assert_array_equal(first, run(attack, view))
    assert (first != run(attack, view, seed=1)).any()


def test_chunks_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    view, _ = stolen()
    attack = InvertGradients(steps=3, restarts=2)
    whole = run(attack, view).astype(int)
    monkeypatch.setattr(invert_gradients, "CHUNK", 1)
    assert np.abs(whole - run(attack, view)).max() <= 1  # sums in another order


@pytest.mark.parametrize("wanted", [0, 1])
def test_restarts_are_chosen_by_the_loss_whatever_the_picture(
    wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One restart ends at the truth, one at its negative, and the loss says which is handed in."""
    view, truth = stolen()

    def ends(self: InvertGradients, x: Tensor, *others: object) -> Tensor:
        true = torch.from_numpy(truth)[:, None, None] / 255
        x.view(3, 2, 1, 1, 8, 8)[:, 0], x.view(3, 2, 1, 1, 8, 8)[:, 1] = true, 1 - true
        return torch.tensor([1.0, 1.0]).repeat(3) - torch.eye(2)[wanted].repeat(3)

    monkeypatch.setattr(InvertGradients, "_descend", ends)
    made = run(InvertGradients(restarts=2), view)
    np.testing.assert_array_equal(made, truth if wanted == 0 else 255 - truth)


def test_a_restart_that_is_not_finite_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(self: InvertGradients, x: Tensor, *others: object) -> Tensor:
        x.view(3, 2, -1)[:, 0], x.view(3, 2, -1)[:, 1] = torch.nan, 0.2
        return torch.tensor([torch.nan, 1.0]).repeat(3)

    monkeypatch.setattr(InvertGradients, "_descend", ends)
    assert (run(InvertGradients(restarts=2), stolen()[0]) == 51).all()


def test_who_knows_the_scheme_looks_at_what_it_reveals() -> None:
    view, truth = stolen(Largest())
    knows = psnr(run(ATTACK, view), truth)
    assert knows.mean() > psnr(run(InvertGradients(300, 1, 0.001, False), view), truth).mean() + 2


def test_who_knows_the_scheme_clips_as_it_does() -> None:
    view, _ = stolen(Clipped(), rows=2, each=2)
    knows = run(InvertGradients(steps=20), view)
    assert (knows != run(InvertGradients(steps=20, adaptive=False), view)).any()
    # In a batch of one clipping changes a length only, which the cosine does not see.
    alone, truth = stolen(Clipped())
    assert psnr(run(ATTACK, alone), truth).min() > 30


def test_noise_is_met_by_its_likelihood(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    plain = UpdateScheme.misfit

    def misfit(self: UpdateScheme, gradients: Tensor, released: Tensor, size: int) -> Tensor:
        asked.append(size)
        return plain(self, gradients, released, size)

    monkeypatch.setattr(UpdateScheme, "misfit", misfit)
    view, _ = stolen(Noisy(), rows=1, each=2)
    run(InvertGradients(steps=2, tv=0.0), view)
    assert set(asked) == {2} and len(asked) == 4  # of nothing at all, then at three looks
    asked.clear()
    run(InvertGradients(steps=2, tv=0.0, adaptive=False), view)
    run(InvertGradients(steps=2, tv=0.0), stolen()[0])
    assert asked == []


def test_smoothness_is_chosen_on_own_updates_whatever_was_stolen() -> None:
    view, _ = stolen(Noisy())
    other = another(view)
    remarks = []
    for given in (view, other):
        run(InvertGradients(steps=20), given)
        remarks.append(given.remarks[-1])
    assert remarks[0] == remarks[1]
    assert "chosen on own updates" in remarks[0]


def test_smoothness_that_gives_own_updates_back_best_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without noise and with steps enough, the least smooth of the four is the best by far."""
    view, truth = stolen()
    alone = run(InvertGradients(steps=100, tv=0.003), view)
    rough = run(InvertGradients(steps=100, tv=0.3), view)
    assert psnr(alone, truth).mean() > psnr(rough, truth).mean() + 5
    chosen = run(InvertGradients(steps=100), view)
    assert "0.003" in view.remarks[-1]
    assert abs(psnr(chosen, truth).mean() - psnr(alone, truth).mean()) < 3  # from other noise


@pytest.mark.parametrize("each", [1, 2])
def test_own_updates_are_the_schemes_of_own_samples(each: int) -> None:
    view, _ = stolen(Clipped(), rows=2, each=each)
    own, truth = tried(view, 3, np.random.default_rng(0))
    assert view.samples is not None and len(truth) == 3 * each
    assert all((picture == view.samples).all(axis=(1, 2)).any() for picture in truth)
    assert own.release.code.shape == (3, view.release.code.shape[1])
    assert own.release.each == each
    lengths = np.linalg.norm(own.release.code, axis=1)
    assert (lengths < 0.0501).all()
    assert each > 1 or (lengths > 0.049).all()


def test_likeness_pairs_the_pictures_of_an_update() -> None:
    truth = np.array([[0, 100], [50, 200], [7, 8], [9, 1]], dtype=np.uint8)[:, None]
    assert likeness(truth[[1, 0, 3, 2]], truth, 2) == pytest.approx(10 * np.log10(255**2 * 12))
    assert likeness(truth[[1, 0, 3, 2]], truth, 1) < 30
    off = truth.copy()
    off[0, 0, 0] = 10  # of two numbers one is ten off: a mean square of fifty in one of four
    expected = (3 * 10 * np.log10(255**2 * 12) + 10 * np.log10(255**2 / 50)) / 4
    assert likeness(off, truth, 2) == pytest.approx(expected)


def test_batch_norm_in_train_mode_sees_the_batch() -> None:
    view, truth = stolen(each=2, norm=True)
    assert view.module is not None
    before = {name: value.clone() for name, value in view.module.state_dict().items()}
    made = run(ATTACK, view).reshape(3, 2, 8, 8)
    shuffled = run(ATTACK, another(view)).reshape(3, 2, 8, 8)
    means = truth.reshape(3, 2, 8, 8)

    def near(pictures):  # type: ignore[no-untyped-def]
        swapped = psnr(pictures[:, ::-1].reshape(6, 8, 8), means.reshape(6, 8, 8))
        straight = psnr(pictures.reshape(6, 8, 8), means.reshape(6, 8, 8))
        return np.maximum(swapped.reshape(3, 2).mean(1), straight.reshape(3, 2).mean(1)).mean()

    assert near(made) > near(shuffled)
    for name, value in view.module.state_dict().items():  # nothing was learned on the way
        assert torch.equal(value, before[name])


def test_an_update_of_nothing_gives_a_picture_all_the_same() -> None:
    view, _ = stolen()
    view.release.code[:] = 0
    assert run(InvertGradients(steps=3), view).shape == (3, 8, 8)


def test_total_variation_by_hand() -> None:
    flat = torch.tensor([[0.0, 1.0], [0.0, 1.0]])[None, None, None]
    assert variation(flat).tolist() == [1.0]  # no step down, one across in each of two rows


def test_what_cannot_be_read_is_said() -> None:
    view, _ = stolen()
    assert InvertGradients().unsupported(view) is None
    view.release.code.resize((3, 5), refcheck=False)
    assert "not as long" in str(InvertGradients().unsupported(view))
    with pytest.raises(InputError, match="steps=0"):
        InvertGradients(steps=0)
