"""What tests of the published experiment share: a tiny experiment, and a pool without processes."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from fowh.paper.jobs import Job, make_jobs

IRIS, NET = "iris:people=12,readings=6", "densenet:epochs=4"


# Makes trainings short in every process that has it as ``sitecustomize`` on its path.
FEWER = """
from attacks.gan import Gan
values = dict(zip(Gan.__init__.__code__.co_varnames[1:], Gan.__init__.__defaults__))
Gan.__init__.__defaults__ = tuple((values | {"steps": 60, "base": 8}).values())
from fowh.paper import experiment
experiment.LONGER.clear()
"""


def jobs_of(table: str, sizes: tuple[int, ...] = (500,), seeds: int = 1) -> list[Job]:
    """The cells of a table of the tiny experiment."""
    return make_jobs(table, IRIS, NET, "afm_iris", sizes, seeds)


class InProcess:
    """A ProcessPoolExecutor that works where it is called, so that patches are seen."""

    def __init__(self, *_: Any) -> None:
        self.cancelled = False

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def submit(self, work: Any, *given: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*given))
        except Exception as error:
            done.set_exception(error)
        return done

    def shutdown(self, cancel_futures: bool = False) -> None:
        self.cancelled = cancel_futures
