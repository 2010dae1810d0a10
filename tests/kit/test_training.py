"""The loop, what it keeps, and that an interrupted training goes on exactly as it would have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fowh.core.cache import Arrays, forget, place
from fowh.kit.training import Best, Checkpoint, blank, initialise, loop, restore, state_of


class Net(nn.Module):
    """One layer of each kind."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(3, width, 3)
        self.settle = nn.BatchNorm2d(width)
        self.leave = nn.Linear(width, 2)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, pictures: Tensor) -> Tensor:
        seen = self.settle(self.convolve(pictures)).relu().mean(dim=(2, 3))
        made: Tensor = self.norm(self.leave(seen))
        return made


def drawn(seed: int, width: int = 400) -> Net:
    net = blank(Net, width)
    with torch.no_grad():
        for value in net.state_dict().values():
            value.fill_(77)  # whatever was in the memory
    initialise(net, torch.Generator().manual_seed(seed))
    return net


def test_initial_weights_come_from_the_generator_alone() -> None:
    before = torch.get_rng_state()
    one, same, other = drawn(1), drawn(1), drawn(2)
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in one.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])
        assert not (value == 77).any()
    assert not torch.equal(one.leave.weight, other.leave.weight)


def test_initial_weights_are_those_of_he_and_others() -> None:
    net = drawn(1)
    for layer, inputs in ((net.convolve, 27), (net.leave, 400)):
        assert layer.weight.std().item() == pytest.approx((2 / inputs) ** 0.5, rel=0.1)
        assert layer.bias is not None and not layer.bias.any()
    for norm in (net.settle, net.norm):
        assert (norm.weight == 1).all() and not norm.bias.any()
        assert (norm.running_var == 1).all() and not norm.running_mean.any()  # type: ignore[union-attr, operator]


def test_weights_survive_as_arrays_of_their_own() -> None:
    net = drawn(1, 4)
    arrays = state_of(net)
    again = restore(blank(Net, 4), arrays)
    pictures = torch.rand(5, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again.eval()(pictures), net.eval()(pictures))
    with torch.no_grad():
        net.leave.weight.zero_()
        again.leave.weight.zero_()
    assert arrays["leave.weight"].any()


def story(steps: int, looks: range | set[int], enough: int = 99, begin: int = 0) -> list[str]:
    """What the loop does, in order."""
    told: list[str] = []

    def look(done: int) -> bool:
        told.append(f"look at {done}")
        return done >= enough

    loop(steps, lambda number: told.append(f"update {number}"), look, looks, begin)
    return told


def test_the_loop_looks_when_it_is_told_to() -> None:
    assert story(3, {0, 2, 3}) == [
        *("look at 0", "update 0", "update 1", "look at 2", "update 2", "look at 3"),
    ]
    assert story(2, range(0)) == ["update 0", "update 1"]
    assert story(0, {0}) == ["look at 0"]


def test_a_look_can_end_the_loop() -> None:
    assert story(9, range(0, 9, 2), enough=2) == [
        *("look at 0", "update 0", "update 1", "look at 2"),
    ]
    assert story(9, {0}, enough=0) == ["look at 0"]


def test_what_was_looked_at_before_an_interruption_is_not_looked_at_again() -> None:
    assert story(4, {2, 4}, begin=2) == ["update 2", "update 3", "look at 4"]
    assert story(4, {4}, begin=4) == []
    assert story(2, {0, 1}, begin=1) == ["update 1"]


def test_without_a_look_there_are_updates_only() -> None:
    done: list[int] = []
    loop(3, done.append)
    assert done == [0, 1, 2]


def test_the_best_state_is_kept_and_patience_ends() -> None:
    best: Best[str] = Best(2)
    assert best.state is None and not best.settled
    asked = []
    for error, name in ((3.0, "a"), (1.0, "b"), (float("nan"), "c"), (0.5, "d"), (0.5, "e")):
        best.see(error, lambda name=name: asked.append(name) or name)  # type: ignore[misc]
        assert not best.settled
    best.see(2.0, lambda: "f")
    assert best.settled
    assert (best.state, best.error, best.waited) == ("d", 0.5, 2)
    assert asked == ["a", "b", "d"]  # nothing is copied in vain


class Training:
    """A network that learns noise, with everything that a checkpoint has to keep."""

    def __init__(self) -> None:
        self.randomness = torch.Generator().manual_seed(3)
        self.net = drawn(1, 4).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.adam = torch.optim.Adam(self.net.parameters(), lr=0.05, fused=True)
        self.kept: Arrays = {}
        parts = {"net": (self.net, self.adam)}
        self.saved = Checkpoint("name", parts, self.randomness, self.kept)

    def update(self, number: int) -> None:
        pictures = torch.rand(6, 3, 6, 6, generator=self.randomness)
        self.adam.zero_grad()
        self.net(pictures).square().mean().backward()
        self.adam.step()

    def look(self, done: int) -> bool:
        self.kept.update({f"{done}/{k}": a for k, a in state_of(self.net).items()})
        self.saved.save({"done": done, "asked": 10 * done})
        return False


def test_an_interrupted_training_goes_on_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    whole, first, second = Training(), Training(), Training()
    assert whole.saved.resume() == {}
    loop(6, whole.update, whole.look, range(1, 7))
    loop(4, first.update, first.look, {1, 2, 3})  # the fourth update is lost
    numbers = second.saved.resume()
    assert numbers == {"done": 3, "asked": 30}
    assert {key.partition("/")[0] for key in second.kept} == {"1", "2", "3"}
    loop(6, second.update, second.look, range(1, 7), begin=3)
    for name, value in state_of(whole.net).items():
        np.testing.assert_array_equal(state_of(second.net)[name], value)
    assert list(second.kept) == list(whole.kept)
    for name, value in whole.kept.items():
        np.testing.assert_array_equal(second.kept[name], value)
    assert [path.name for path in (tmp_path / "training").iterdir()] == ["name.npz"]
    forget("training", "name")
    assert Training().saved.resume() == {}


def test_an_adam_that_was_taken_over_keeps_the_layout_of_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fused Adam walks weights and moments side by side in memory."""
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    one, two = Training(), Training()
    loop(1, one.update, one.look, {1})
    two.saved.resume()
    moment = two.adam.state[two.net.convolve.weight]["exp_avg"]
    assert moment.stride() == two.net.convolve.weight.stride()
    assert torch.equal(moment, one.adam.state[one.net.convolve.weight]["exp_avg"])


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 half an archive"])
def test_a_damaged_checkpoint_is_no_checkpoint(
    damage: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    made = Training()
    made.look(1)
    place("training", "name").write_bytes(damage)
    with pytest.warns(UserWarning, match="is damaged"):
        assert made.saved.resume() == {}
