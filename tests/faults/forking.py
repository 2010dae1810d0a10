"""Work in processes that start at once and are killed where it hurts: at a step on the disk.

``python -m tests.faults.forking`` loads everything once, then forks a process for each line of JSON
that it reads: what to do (a command of ``fowh``, or a part of one that is quick to repeat), and the
signal that it sends itself just before its so-many-th change of a file. It answers with the exit
code, and with what was left of the process's group.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fowh.cli._door import guarded
from fowh.core.cache import Arrays, cached, digest, forget

CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod"}  # audit events of Python


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code; minus the number of the signal that killed it.
        out, err: what it printed.
        changes: steps on the disk that were counted, where it was not killed.
        left: processes of its group that were still there a moment later.
    """

    code: int
    out: str
    err: str
    changes: int
    left: int


class Forks:
    """The driver's side.

    Args:
        log: folder for what commands print.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        root = str(Path(__file__).parents[2])
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forking"],
            cwd=root,
            env={**os.environ, "PYTHONPATH": root, "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self,
        words: list[str],
        folder: Path,
        number: int = 0,
        at: int | None = None,
        after: float | None = None,
        below: str = "",
    ) -> Ended:
        """Do some work.

        Args:
            words: of a command, after ``fowh``; or one of ``WORK``, after ``:``.
            folder: it works in; caches are in ``cache`` there.
            number: of the signal.
            at: which change of a file below the folder it is sent before, from 0; None for none.
            after: seconds after which it is sent instead.
            below: of the folder: where changes count.
        """
        assert self._server.stdin is not None and self._server.stdout is not None
        given = {"words": words, "folder": str(folder), "number": number, "at": at, "after": after}
        given |= {"counted": str(folder / below), "log": str(self._log)}
        self._server.stdin.write(json.dumps(given) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        out, err = ((self._log / name).read_text(errors="replace") for name in ("out", "err"))
        return Ended(answer["code"], out, err, answer["changes"], answer["left"])

    def close(self) -> None:
        """End it; it holds nothing that would be lost."""
        self._server.kill()
        self._server.wait()


def main() -> None:
    """The server: everything is loaded, nothing has run, no thread was started."""
    import matplotlib.pyplot
    import torch

    import attacks._versions.choice
    import attacks._versions.training
    import attacks.mlp
    import fowh.cli.commands
    import fowh.kit.kernels
    import fowh.report.html
    import fowh.report.plots
    from fowh.cli import main as command

    del matplotlib, torch, attacks, fowh
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(json.loads(line), command)) + "\n")
        sys.stdout.flush()


def _answer(given: dict[str, Any], command: Any) -> dict[str, int]:
    count = Path(given["log"]) / "count"
    count.write_text("0")
    child = os.fork()
    if not child:
        _run(given, command, count)
    if given["after"] is not None:
        time.sleep(given["after"])
        os.kill(child, given["number"])
    _, status = os.waitpid(child, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "changes": int(count.read_text()),
        "left": _left(child),
    }


def _left(group: int) -> int:
    """Whether anything of a process group is there still, after a while in which it may end."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return 0
        time.sleep(0.1)
    os.killpg(group, signal.SIGKILL)
    return 1


def _run(given: dict[str, Any], command: Any, count: Path) -> None:
    """The fork: never returns."""
    code = 1
    try:
        os.setsid()
        for name, stream in (("out", 1), ("err", 2)):
            flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
            os.dup2(os.open(Path(given["log"]) / name, flags, 0o600), stream)
        os.chdir(given["folder"])
        os.environ["FOWH_CACHE_DIR"] = str(Path(given["folder"]) / "cache")
        sys.argv = ["fowh", *given["words"]]
        changes = _counted(given)
        try:
            if given["words"][0].startswith(":"):
                code = guarded(lambda: WORK[given["words"][0][1:]](*given["words"][1:]) or 0)
            else:
                command()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        count.write_text(str(changes[0]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _counted(given: dict[str, Any]) -> list[int]:
    """Count changes of files below the folder from now on, and send the signal in time."""
    changes, folder = [0], given["counted"]

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event not in CHANGES or not args or not isinstance(args[0], str | os.PathLike):
            return
        if event == "open" and not args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        if not str(Path(args[0]).absolute()).startswith(folder):
            return
        changes[0] += 1
        if given["at"] is not None and changes[0] == given["at"] + 1:
            os.kill(os.getpid(), given["number"])

    sys.addaudithook(hook)
    return changes


def _record(given: str) -> None:
    """Put a cell on record again, with its page, from what an earlier run left in a folder."""
    from fowh.records import store
    from fowh.run import write_report

    record, observations = store.load(Path(given)), store.load_observations(Path(given))
    assert record is not None
    store.save(Path("r"), record, observations)
    write_report(Path("r"), record)


def _cache() -> None:
    """Fill the cache: one thing made of another, as embeddings are of prepared samples."""

    def outer() -> Arrays:
        inner = cached("inner", digest("inner"), lambda: {"rows": np.arange(1000)})
        return {"rows": 2 * inner["rows"]}

    made = cached("outer", digest("outer"), outer)["rows"]
    assert (made == 2 * np.arange(1000)).all()


def _train() -> None:
    """A training with checkpoints, whose result is cached."""
    import torch

    from fowh.kit.training import Checkpoint, loop, state_of

    def build() -> Arrays:
        generator = torch.Generator().manual_seed(0)
        net = torch.nn.Linear(8, 4)
        with torch.no_grad():
            for weight in net.parameters():
                weight.normal_(generator=generator)
        adam = torch.optim.Adam(net.parameters())
        saved = Checkpoint(digest("training"), {"net": (net, adam)}, generator, {})
        begin = int(saved.resume().get("step", 0))

        def update(step: int) -> None:
            adam.zero_grad()
            net(torch.randn(16, 8, generator=generator)).square().mean().backward()
            adam.step()

        def look(step: int) -> bool:
            saved.save({"step": step})
            return False

        loop(12, update, look, range(3, 12, 3), begin)
        return state_of(net)

    cached("trained", digest("trained"), build)
    forget("training", digest("training"))  # as ``View.remember`` does


WORK: dict[str, Callable[..., None]] = {"record": _record, "cache": _cache, "train": _train}

if __name__ == "__main__":
    main()
