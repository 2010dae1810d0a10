"""Stand-ins: the numbers of the plug-in itself, and one line where it dies or lies."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fowh
from fowh.core.capability import Inequalities, Shortcut, Unprotect
from fowh.core.registry import describe, foreign, load
from fowh.core.sources import sources
from fowh.isolation import apart, host

MODULE = '''
import ctypes, fcntl, glob, os, struct, time
from dataclasses import dataclass
import numpy as np
import fowh
from fowh.core.updates import UpdateScheme
from schemes.lsh import Lsh
from schemes.raw import Raw

@dataclass(frozen=True)
class Mine(Lsh):
    """That of the testbed, as somebody else's."""

@dataclass(frozen=True)
class Clear(Raw):
    """Another one."""

    def scores_known(self, templates, enrolled, probes, keys=None):
        return np.ones((len(templates), len(probes)), np.float32)

@dataclass(frozen=True)
class Dies(Raw):
    how: str = "exit"

    def score(self, templates, probes, keys=None):
        if self.how == "exit":
            os._exit(3)
        if self.how == "raise":
            raise KeyError("no such thing")
        if self.how == "sleep":
            time.sleep(60)
        if self.how == "shape":
            return np.zeros(len(probes) + 1)
        if self.how == "nan":
            return np.full(len(probes), np.nan)
        if self.how == "kind":
            return [object()]
        return super().score(templates, probes, keys)

@dataclass(frozen=True)
class Tells(Raw):
    """Says that it was there: by a lock on a file, by shared memory, by its name."""

    how: str = "lock"

    def enroll(self, embeddings, keys, rng):
        self.tell()
        return super().enroll(embeddings, keys, rng)

    def score(self, templates, probes, keys=None):
        found = self.heard()
        self.tell()
        return np.full(len(probes), found, np.float32)

    def tell(self):
        global held
        libc = ctypes.CDLL(None)
        if self.how == "lock":
            held = open(__file__)
            fcntl.fcntl(held, fcntl.F_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 77, 1, 0))
        if self.how == "memory":
            libc.shmget(0x5eed, 64, 0o1600)
        if self.how == "name":
            libc.prctl(15, b"i-was-here", 0, 0, 0)

    def heard(self):
        if self.how == "lock":
            asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 77, 1, 0)
            found = fcntl.fcntl(open(__file__), fcntl.F_GETLK, asked)
            return struct.unpack("hhqqi4x", found)[0] != fcntl.F_UNLCK
        if self.how == "memory":
            return ctypes.CDLL(None).shmget(0x5eed, 64, 0o600) >= 0
        names = []
        for place in glob.glob("/proc/[0-9]*/comm"):
            try:
                names.append(open(place).read().strip())
            except OSError:
                pass
        return "i-was-here" in names

def twice(x):
    return 2 * x

@dataclass(frozen=True)
class Compiles(Raw):
    """As libraries do that keep their machine code on disk."""

    def enroll(self, embeddings, keys, rng):
        import numba

        return super().enroll(numba.njit(cache=True)(twice)(embeddings), keys, rng)

@dataclass(frozen=True)
class Slow(Raw):
    """Says that it can be asked next to nothing."""

    @property
    def comparison_cap(self):
        return 2

@dataclass(frozen=True)
class Salted(Raw):
    """Noise."""

    def enroll(self, embeddings, keys, rng):
        return fowh.Release(rng.random(embeddings.shape), token=keys)

@dataclass(frozen=True)
class Stuck(Raw):
    """Leaves the generator where it draws the same for ever, or far ahead."""

    ahead: int = 0

    def enroll(self, embeddings, keys, rng):
        made = super().enroll(embeddings, keys, rng)
        state, times = rng.bit_generator.state, 0x2360ED051FC65DA44385DF649FCCF645
        if self.ahead:
            rng.bit_generator.advance(self.ahead)
        else:
            at = state["state"]["state"]
            state["state"]["inc"] = at * (1 - times) % 2**128
            rng.bit_generator.state = state
        return made

@dataclass(frozen=True)
class Updates(UpdateScheme):
    """Gradients."""

@dataclass(frozen=True)
class Nearest(fowh.Attack):
    """Asks, remembers, remarks."""

    def run(self, view, rng):
        print("a line of its own")
        kept = view.remember((view.embeddings,), lambda key: {"mean": view.embeddings.mean(axis=0)})
        view.progress("half", 0.5)
        view.remarks.append(f"{rng.random():.6f}")
        if view.query is not None:
            view.query(view.samples[:2])
        return np.tile(kept["mean"], (len(view.release), 1)).astype(np.float32)

@dataclass(frozen=True)
class Trains(fowh.Attack):
    """Takes a step with a library that looks for a place to write."""

    def run(self, view, rng):
        import torch

        at = torch.zeros(len(view.release), view.embeddings.shape[1], requires_grad=True)
        step = torch.optim.Adam([at])
        at.sum().backward()
        step.step()
        return at.detach().numpy()
'''
NAMELESS = '''
import inspect
from dataclasses import dataclass
from schemes.lsh import Lsh

inspect.getsourcefile = lambda found: None

@dataclass(frozen=True)
class Mine(Lsh):
    """Says that it has no file."""
'''
DATASET = "gaussian:subjects=8,readings=3,dim=16,within=0.3"


@pytest.fixture(scope="module", autouse=True)
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "standing.py").write_text(MODULE)
    (folder / "family").mkdir()
    for name, text in (("nameless", NAMELESS), ("_shared", ""), ("other", "")):
        (folder / "family" / f"{name}.py").write_text(text)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    sys.modules.pop("standing", None)


def people(count: int = 12) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, 16), dtype=np.float32), rng.integers(
        3, size=count, dtype=np.uint64
    )


def test_whose_a_name_is() -> None:
    assert foreign("scheme", "standing:Mine") == "standing:Mine"
    assert foreign("scheme", "schemes.lsh:Lsh") is None and foreign("scheme", "lsh") is None
    assert foreign("scheme", "schemes.evil:Lsh") == "schemes.evil:Lsh"
    assert foreign("attack", "schemes.lsh:Lsh") == "schemes.lsh:Lsh"


def test_a_scheme_apart_gives_the_numbers_of_the_scheme() -> None:
    far, near = apart.load("scheme", "standing:Mine:bits=64"), load("scheme", "lsh:bits=64")
    assert "standing" not in sys.modules
    assert describe(far, "scheme") == {
        "name": "standing:Mine",
        "params": describe(near, "scheme")["params"],
    }
    assert isinstance(far, Inequalities) and not isinstance(far, Unprotect)
    x, keys = people()
    far, near = far.fit(x), near.fit(x)
    mine, theirs = (s.enroll(x, keys, np.random.default_rng(1)) for s in (near, far))
    assert np.array_equal(mine.code, theirs.code) and np.array_equal(theirs.token, keys)
    assert np.array_equal(near.scores(mine, x), far.scores(mine, x))
    assert np.array_equal(near.score(mine, x, keys), far.score(mine, x, keys))
    assert np.array_equal(near.features(mine), far.features(mine))
    copied = copy.deepcopy(far)
    assert np.array_equal(near.scores(mine, x), copied.scores(mine, x))


@pytest.mark.parametrize("ahead", [0, 5, 2**30])
def test_a_scheme_apart_moves_nobody_elses_draws(ahead: int) -> None:
    """Else it could choose what an attack of ours draws after its own samples are enrolled."""
    x, keys = people()
    untouched, rng = (np.random.default_rng(1) for _ in range(2))
    apart.load("scheme", f"standing:Stuck:ahead={ahead}").enroll(x, keys, rng)
    assert np.array_equal(rng.random(8), untouched.random(8))


@pytest.mark.skipif(sys.platform != "linux", reason="by what Linux offers")
@pytest.mark.parametrize("how", ["lock", "memory", "name"])
def test_processes_that_know_other_things_are_not_there_together(how: str) -> None:
    """Enrolment saw what each template is of, the halves each other's samples."""
    x, keys = people()
    far = apart.load("scheme", f"standing:Tells:how={how}").fit(x)
    one, two, again = far.verifiers
    made = far.enroll(x, keys, np.random.default_rng(0))
    assert not one.score(made, x).any()
    heard = one if how == "memory" else two  # those are: the test can tell
    assert heard.score(made, x).all()
    assert not again.score(made, x).any()
    assert not far.score(made, x).any()
    far.enroll(x, keys, np.random.default_rng(0))
    assert not far.score(made, x).any()


def test_a_scheme_apart_can_compile() -> None:
    """Where numba would keep its machine code, nothing can be written."""
    x, keys = people()
    made = apart.load("scheme", "standing:Compiles").enroll(x, keys, np.random.default_rng(0))
    assert np.array_equal(made.code, 2 * x)


def test_a_scheme_apart_cannot_shrink_its_audit() -> None:
    assert apart.load("scheme", "standing:Slow").comparison_cap == 1024


def test_a_scheme_apart_draws_anew_in_every_call() -> None:
    x, keys = people()
    far = apart.load("scheme", "standing:Salted")
    first, again = (np.random.default_rng(1) for _ in range(2))
    one, two, three = (far.enroll(x, keys, rng).code for rng in (first, first, again))
    assert np.array_equal(one, three) and not np.array_equal(one, two)


def test_the_testbed_finds_a_plug_in_s_code_itself() -> None:
    """Else its record would answer for any other code as well."""
    far = apart.load("scheme", "family.nameless:Mine")
    assert {Path(file).name for file in sources(far)} >= {"nameless.py", "_shared.py"}
    assert not [name for name in sys.modules if name.startswith("family")]


def test_a_slack_crosses_with_its_gradient() -> None:
    x, keys = people()
    far, near = (f("scheme", name) for f, name in ((apart.load, "standing:Mine"), (load, "lsh")))
    template = near.enroll(x, keys, np.random.default_rng(1))
    values, gradients = [], []
    for scheme in (near, far):
        at = torch.from_numpy(x).requires_grad_()
        made = scheme.slack(template)(at)
        (gradient,) = torch.autograd.grad(made.square().sum(), at)
        values.append(made.detach().numpy())
        gradients.append(gradient.numpy())
    # Another process may have another number of threads, which rounds otherwise.
    np.testing.assert_allclose(*values, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-2)  # of sizes of a thousand


def test_a_claim_about_its_own_scores_is_not_asked_for() -> None:
    assert isinstance(load("scheme", "standing:Clear"), Shortcut)
    sys.modules.pop("standing")
    far = apart.load("scheme", "standing:Clear")
    assert not isinstance(far, Shortcut) and isinstance(far, Unprotect)


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("exit", host.PluginError, "the process of scheme 'standing:Dies' ended in call"),
        ("raise", host.PluginError, "KeyError: 'no such thing'"),
        ("sleep", host.PluginError, "said nothing for"),
        ("shape", fowh.InputError, "score returned .13,., expected .12,."),
        ("nan", fowh.InputError, "no NaN"),
        ("kind", fowh.InputError, "object does not cross between processes"),
    ],
)
def test_what_dies_or_lies_ends_with_a_line(
    how: str, kind: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = apart.load("scheme", f"standing:Dies:how={how}")
    x, keys = people()
    template = far.enroll(x, keys, np.random.default_rng(0))
    if how == "sleep":
        far.features(template)  # the process is there: what is short is the wait for an answer
        far.worker()._line.settimeout(0.5)
    with pytest.raises(kind, match=words) as caught:
        far.score(template, x)
    assert kind is host.PluginError or "\n" not in str(caught.value)
    assert far.features(template).shape == (12, 16)  # another one takes its place


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("standing:Updates", "--trusted"),
        ("standing:Nobody", "cannot load scheme"),
        ("standing:Mine:bits=none", "expected an integer"),
        ("chain:of=dp_sgd+standing:Updates", "--trusted"),
    ],
)
def test_what_cannot_cross_is_refused_in_one_line(text: str, words: str) -> None:
    with pytest.raises(fowh.InputError, match=words) as caught:
        apart.load("scheme", text)
    assert "\n" not in str(caught.value) and "standing" not in sys.modules


def test_an_attack_apart_sees_its_view_and_pays_for_its_queries() -> None:
    cell: dict[str, Any] = {
        "dataset": DATASET,
        "device": "cpu",
    }
    far = fowh.evaluate("lsh", attacks=["standing:Nearest"], **cell)
    near = fowh.evaluate("lsh", attacks=["standing:Nearest"], trusted=True, **cell)
    rows = [each.record["attacks"]["standing:Nearest"] for each in (far, near)]
    assert rows[0]["remarks"] == rows[1]["remarks"] and len(rows[0]["remarks"]) > 1
    assert rows[0]["metrics"] == rows[1]["metrics"]
    assert far.record["id"] != near.record["id"]
    assert "in-process" in near.flags and "in-process" not in far.flags
    assert [each["process"] for each in near.record["spec"]["attacks"]] == ["testbed"]


def test_an_attack_apart_can_train() -> None:
    done = fowh.evaluate("lsh", attacks=["standing:Trains"], dataset=DATASET, device="cpu")
    row = done.record["attacks"]["standing:Trains"]
    assert row["status"] == "ok", row["reason"]


def test_a_network_that_does_not_cross_is_named() -> None:
    done = fowh.evaluate(
        "lsh", attacks=["standing:Nearest"], box="white", device="cpu", dataset=DATASET
    )
    assert done.record["attacks"]["standing:Nearest"]["status"] == "ok"  # no network: no harm
    view = fowh.View(
        load("scheme", "lsh"),
        fowh.Release(np.zeros((1, 8), np.uint8)),
        *people(),
        module=torch.nn.Linear(2, 2),
    )
    reason = apart.load("attack", "standing:Nearest").unsupported(view)
    assert reason is not None and "--trusted" in reason
