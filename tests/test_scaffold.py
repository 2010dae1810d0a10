"""``fowh new``: what it writes keeps the contract at once, and nothing is overwritten."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fowh.core.errors import InputError
from fowh.core.trust import folder
from fowh.scaffold import class_of, new


@pytest.mark.parametrize("kind", ["scheme", "attack"])
def test_what_it_writes_passes_its_check_and_its_test(tmp_path: Path, kind: str) -> None:
    files = new(kind, "my_own", tmp_path / "mine")
    assert [file.name for file in files] == ["my_own.py", "test_my_own.py"]
    code = "from fowh.cli import main; main()"
    for command in (
        [sys.executable, "-c", code, "check", "my_own:MyOwn"],
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_own.py"],
    ):
        done = subprocess.run(command, cwd=tmp_path / "mine", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.parametrize("kind", ["scheme", "attack"])
def test_it_can_be_evaluated_at_once(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fowh

    new(kind, f"fresh_{kind}", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    given = f"fresh_{kind}:Fresh{kind.capitalize()}"
    made = fowh.evaluate(
        given if kind == "scheme" else "lsh:bits=64",
        dataset="gaussian:subjects=8,readings=3,dim=16,within=0.3",
        attacks="ridge" if kind == "scheme" else given,
        device="cpu",
    )
    assert made.record["status"] == "ok", made.record["reason"]


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("scheme", "iom", "already"),
        ("attack", "iom", "already"),
        ("scheme", "json", "others import"),
        ("attack", "numpy", "others import"),
        ("scheme", "My-Scheme", "lower-case"),
        ("scheme", "class", "lower-case"),
        ("scheme", "../up", "lower-case"),
        ("atack", "mine", "did you mean attack"),
        ("planet", "mine", "scheme or attack"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    tmp_path: Path, kind: str, name: str, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        new(kind, name, tmp_path / "out")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_files_that_exist_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("mine")
    with pytest.raises(InputError, match="exists"):
        new("scheme", "mine", tmp_path)
    assert (tmp_path / "test_mine.py").read_text() == "mine"
    assert not (tmp_path / "mine.py").exists()


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to"):
        new("scheme", "mine", tmp_path / "file")


def test_class_names() -> None:
    assert [class_of(name) for name in ("mine", "my_own_2")] == ["Mine", "MyOwn2"]


def test_no_test_lands_among_the_built_in_plugins() -> None:
    place = folder("scheme")
    before = sorted(place.iterdir())
    with pytest.raises(InputError, match="built-in plug-ins live"):
        new("scheme", "mine", place)
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize("kind", ["scheme", "attack"])
def test_what_it_writes_is_clean(tmp_path: Path, kind: str) -> None:
    """By the rules of this project, which are stricter than the linter's own."""
    ruff = shutil.which("ruff")
    if ruff is None:
        pytest.skip("ruff is not installed")
    new(kind, "my_own", tmp_path)
    config = str(Path(__file__).parents[1] / "pyproject.toml")
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run(
            [ruff, *command, "--config", config, "."], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
