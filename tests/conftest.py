"""Options and defaults of every test: offline, on the CPU, with a cache of their own."""

import os

import pytest
from hypothesis import settings

# Two OpenMP threads spin against each other on small layers; set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

settings.register_profile("fowh", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("fowh")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-slow", action="store_true", help="run tests marked slow as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--run-slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: run with --run-slow"))


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests never read or fill the user's cache; one embedding of the faces serves all of them."""
    if "FOWH_TEST_CACHE_DIR" in os.environ:
        os.environ["FOWH_CACHE_DIR"] = os.environ["FOWH_TEST_CACHE_DIR"]
    else:
        os.environ["FOWH_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
