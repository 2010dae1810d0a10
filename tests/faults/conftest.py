"""What several drivers damage: one cell on record."""

from __future__ import annotations

from pathlib import Path

import pytest

import fowh


@pytest.fixture(scope="session")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder; a test works on a copy."""
    world = "gaussian:subjects=6,readings=2,dim=8,within=0.3"
    made = fowh.evaluate("lsh:bits=16", dataset=world, attacks="preimage", device="cpu")
    return made.save(tmp_path_factory.mktemp("cell") / "r")
