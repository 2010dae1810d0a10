"""Finding plug-ins by name, and building them from the command line's words."""

import subprocess
import sys

import pytest

from fowh.errors import InputError
from fowh.registry import describe, load, names, split, summary


def test_every_plugin_of_every_kind_has_a_one_line_summary() -> None:
    for kind in ("dataset", "target", "scheme", "attack"):
        found = names(kind)
        assert found, kind
        for name in found:
            assert 10 < len(summary(kind, name)) < 120, (kind, name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("iom", ("iom", {})),
        ("iom:hashes=128,group=8", ("iom", {"hashes": "128", "group": "8"})),
        ("embeddings:path=/a:b.npz", ("embeddings", {"path": "/a:b.npz"})),
        ("my.module:Scheme", ("my.module:Scheme", {})),
        ("my.module:Scheme:bits=3", ("my.module:Scheme", {"bits": "3"})),
    ],
)
def test_split(text: str, expected: tuple[str, dict[str, str]]) -> None:
    assert split(text) == expected


def test_load_converts_values_by_their_annotation() -> None:
    scheme = load("scheme", "iom:hashes=20,group=4")
    assert (scheme.hashes, scheme.group) == (20, 4)
    assert describe(scheme, "scheme") == {"name": "iom", "params": {"hashes": 20, "group": 4}}


def test_a_class_can_be_named_directly() -> None:
    scheme = load("scheme", "schemes.lsh:Lsh:bits=64")
    assert scheme.bits == 64


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ion", "did you mean iom"),
        ("_gan", "unknown"),
        ("iom:hash=3", "did you mean hashes"),
        ("iom:hashes=three", "an integer"),
        ("iom:hashes", "key=value"),
        ("salted_hash:kdf=md5", "sha256"),
        ("no.such.module:Thing", "cannot load"),
        ("fowh.cache:digest", "subclass of Scheme"),
    ],
)
def test_bad_names_and_parameters_are_one_clear_line(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load("scheme", text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_required_parameter_is_asked_for() -> None:
    with pytest.raises(InputError, match="needs path"):
        load("dataset", "embeddings")


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from fowh.cli import list_plugins; list_plugins(); "
        "heavy = {'torch', 'faiss', 'scipy', 'matplotlib', 'sklearn', 'galois'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "iom" in done.stdout
