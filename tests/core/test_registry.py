"""Finding plug-ins by name, and building them from the command line's words."""

import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fowh.core import registry
from fowh.core.errors import InputError
from fowh.core.registry import (
    KINDS,
    attribute,
    describe,
    load,
    names,
    split,
    summary,
)
from fowh.core.sources import code_digest, sources
from fowh.core.trust import ran_in

ROOT = Path(__file__).parents[2]
OWN = """from dataclasses import dataclass
from schemes.lsh import Lsh

@dataclass(frozen=True)
class Mine(Lsh):
    bits: int = 48
"""


def registered(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """As if another package had registered the scheme ``theirs``."""
    point = EntryPoint("theirs", value, "fowh.schemes")
    monkeypatch.setattr(registry, "_third_party", lambda kind: {"theirs": point})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory, with the search path as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


@pytest.mark.parametrize("package", ["schemes", "attacks"])
def test_a_folder_that_hides_ours_is_refused_in_one_line(package: str, tmp_path: Path) -> None:
    """Else what is in it would be ours, in the testbed's process and without a flag."""
    (tmp_path / package).mkdir()
    (tmp_path / package / "lsh.py").write_text(OWN)
    (tmp_path / package / "__init__.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "fowh.cli", "list"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stdout
    assert f"package '{package}' is found in {tmp_path / package}, expected" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_whose_a_class_is_depends_on_its_file(here: Path) -> None:
    (here / "disguised.py").write_text(OWN + "Mine.__module__ = 'schemes.lsh'\n")
    theirs = load("scheme", "disguised:Mine")
    assert ran_in(theirs, "scheme") == {"process": "testbed"}
    assert describe(theirs, "scheme")["name"] == "schemes.lsh:Mine"
    assert ran_in(load("scheme", "lsh"), "scheme") == {}


def test_every_plugin_of_every_kind_has_a_one_line_summary() -> None:
    for kind in KINDS:
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
        ("e:path=a, b,,c.npz,labels=l.txt", ("e", {"path": "a, b,,c.npz", "labels": "l.txt"})),
        ("my.module:Scheme", ("my.module:Scheme", {})),
        ("my.module:Scheme:bits=3", ("my.module:Scheme", {"bits": "3"})),
    ],
)
def test_split(text: str, expected: tuple[str, dict[str, str]]) -> None:
    assert split(text) == expected


def test_load_converts_values_by_their_annotation() -> None:
    scheme = load("scheme", "iom:hashes=20,group=4")
    assert (scheme.hashes, scheme.group) == (20, 4)
    assert describe(scheme, "scheme") == {
        "name": "iom",
        "params": {"centred": False, "hashes": 20, "group": 4},
    }


def test_a_class_can_be_named_directly() -> None:
    scheme = load("scheme", "schemes.lsh:Lsh:bits=64")
    assert scheme.bits == 64


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ion", "did you mean iom"),
        ("_gan", "unknown"),
        ("../schemes/raw", "unknown scheme '../schemes/raw'"),
        ("/schemes/raw", "unknown scheme"),
        ("", "unknown scheme ''"),
        ("iom:hash=3", "did you mean hashes"),
        ("iom:hashes=three", "an integer"),
        ("iom:hashes", "key=value"),
        ("iom:,", "key=value"),
        ("iom:hashes=3,group", "an integer"),
        ("iom:hashes=3,hashes=4", "twice"),
        ("salted_hash:kdf=md5", "sha256"),
        ("no.such.module:Thing", "cannot load"),
        ("fowh.core.cache:digest", "subclass of Scheme"),
        ("fowh.core.scheme:CodeScheme", "abstract: expected it to define agree, compare, protect"),
        ("fowh.core.scheme:", "cannot load"),
        ("fowh.core.scheme", "unknown scheme 'fowh.core.scheme'"),
    ],
)
def test_bad_names_and_parameters_are_one_clear_line(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load("scheme", text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("class Mine(:\n    pass\n", "SyntaxError"),
        ("raise RuntimeError('first\\nsecond')\n", "RuntimeError: first"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("import sys; sys.exit('gone')\n", "SystemExit: gone"),
        ("from fowh.core.scheme import Scheme\nclass Mine(Scheme): ...\n", "no dataclass"),
        ("Mine = 3\n", "subclass of Scheme"),
    ],
)
def test_a_broken_module_of_the_user_is_one_clear_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, source: str, said: str
) -> None:
    (here / "broken_plugin.py").write_text(source)
    for text in ("broken_plugin:Mine", "theirs"):
        registered(monkeypatch, "broken_plugin:Mine")
        monkeypatch.syspath_prepend(here)  # an entry point's module is installed: on the path
        with pytest.raises(InputError) as caught:
            load("scheme", text)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)
        sys.modules.pop("broken_plugin", None)


def test_an_entry_point_is_a_class_or_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("schemes.lsh:Lsh", "schemes.lsh"):
        registered(monkeypatch, value)
        assert load("scheme", "theirs:bits=64").bits == 64
    for value, said in (
        ("no.such.module", "cannot load scheme 'theirs': ModuleNotFoundError"),
        ("attacks.mean:Mean", "'theirs' is no scheme"),
        ("attacks.mean", "exactly one scheme, it has 0"),
    ):
        registered(monkeypatch, value)
        with pytest.raises(InputError, match=re.escape(said)):
            load("scheme", "theirs")


def test_a_module_in_the_working_directory_is_found_and_ours_are_not_hidden(
    tmp_path: Path,
) -> None:
    (tmp_path / "own_scheme.py").write_text(OWN)
    (tmp_path / "schemes").mkdir()
    (tmp_path / "schemes" / "__init__.py").write_text("")  # a project may well have such a folder
    code = (
        "from fowh.core.registry import load;"
        "print(load('scheme', 'own_scheme:Mine').bits, load('scheme', 'lsh').bits)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],  # -P: as in the fowh script, no working directory
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["48", "512"], done.stderr


def test_the_kinds_are_those_of_the_plan() -> None:
    assert set(KINDS) == {
        *("dataset", "target", "leak", "scheme", "protocol", "attack", "modality")
    }
    assert {"outputs", "templates"} <= set(names("leak"))
    assert {"afm_face", "afm_iris", "standard"} <= set(names("protocol"))
    assert {"image", "vector"} <= set(names("modality"))


def test_a_scheme_says_what_it_protects_and_there_is_such_a_leak() -> None:
    protects = {name: attribute("scheme", name, "protects") for name in names("scheme")}
    assert {"outputs", "templates"} <= set(protects.values()) <= set(names("leak"))
    assert protects["iom"] == "templates" and protects["top_label"] == "outputs"
    with pytest.raises(InputError, match="unknown scheme"):
        attribute("scheme", "ion", "protects")


def test_the_sources_of_a_plugin_are_its_file_and_what_its_family_shares() -> None:
    files = {path.relative_to(ROOT).as_posix() for path in sources(load("protocol", "afm_iris"))}
    assert files >= {"fowh/protocols/afm_iris.py", "fowh/protocols/_afm.py"}
    assert "fowh/protocols/afm_face.py" not in files
    gan = {path.relative_to(ROOT).as_posix() for path in sources(load("attack", "gan"))}
    assert {"attacks/gan.py", "attacks/_morph/training.py"} <= gan
    assert "attacks/ridge.py" not in gan


def test_code_that_was_typed_into_a_session_counts_too() -> None:
    def typed(body: str) -> Any:
        text = "from dataclasses import dataclass\nimport fowh\n@dataclass(frozen=True)\n"
        text += "class Typed(fowh.Attack):\n    def run(self, view, rng):\n        return " + body
        space: dict[str, Any] = {"__name__": "a session without a file"}
        exec(text, space)
        return space["Typed"]()

    one, again, other = typed("view.embeddings"), typed("view.embeddings"), typed("view.subjects")
    assert sources(one) == set()
    assert code_digest([one]) == code_digest([again]) != code_digest([other])


def test_attributes_properties_and_bases_of_what_was_typed_count_too() -> None:
    def typed(
        strength: str = "1", way: str = "1", base: str = "1", size: str = "1", default: str = "1"
    ) -> str:
        text = "from dataclasses import dataclass\nimport fowh\n"
        text += f"class Base(fowh.Attack):\n    def size(self): return {base}\n"
        text += "@dataclass(frozen=True)\nclass Typed(Base):\n"
        text += f"    strength = {strength}\n    choices = {{'a': {strength}}}\n"
        text += f"    @property\n    def way(self): return {way}\n"
        text += f"    @staticmethod\n    def small(): return {size}\n"
        text += f"    def run(self, view, rng, most={default}): return view.embeddings\n"
        space: dict[str, Any] = {"__name__": "a session without a file"}
        exec(text, space)
        return code_digest([space["Typed"]()])

    assert typed() == typed()
    changed = [typed(**{name: "2"}) for name in ("strength", "way", "base", "size", "default")]
    assert len({typed(), *changed}) == 6


def test_the_file_of_a_base_class_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "grounds.py": "import fowh\nclass Ground(fowh.Attack):\n    pass\n",
        "built.py": "from dataclasses import dataclass\nimport grounds\n@dataclass(frozen=True)\n"
        "class Built(grounds.Ground):\n    def run(self, view, rng):\n        return view\n",
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    made = load("attack", "built:Built")
    assert {path.name for path in sources(made)} == {"built.py", "grounds.py"}


def test_the_code_of_a_chain_is_that_of_its_stages_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = load("scheme", "chain:of=dp_sgd+top_k")
    assert {path.name for path in sources(chain)} >= {"chain.py", "dp_sgd.py", "top_k.py"}
    text = "from dataclasses import dataclass\nimport fowh\n@dataclass(frozen=True)\n"
    text += "class Halved(fowh.UpdateScheme):\n"
    text += "    def update(self, means, size, rng):\n        return means / 2\n"
    (tmp_path / "staged.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    own = load("scheme", "chain:of=staged:Halved+top_k")
    before = code_digest([own])
    assert code_digest([own]) == before
    (tmp_path / "staged.py").write_text(text.replace("means / 2", "means / 4"))
    assert code_digest([own]) != before


def test_a_file_name_may_hold_commas(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "faces, 2024,v2.npz"
    np.savez(path, embeddings=rng.standard_normal((6, 4)), subjects=np.repeat([1, 2, 3], 2))
    assert len(load("dataset", f"embeddings:path={path}").load()) == 6


def test_a_required_parameter_is_asked_for() -> None:
    with pytest.raises(InputError, match="needs path"):
        load("dataset", "embeddings")


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from fowh.cli.plugins import list_plugins; list_plugins(); "
        "heavy = {'torch', 'faiss', 'scipy', 'matplotlib', 'sklearn', 'galois'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "iom" in done.stdout


def test_constants_in_sets_do_not_depend_on_their_order() -> None:
    code = (
        "from fowh.core.sources import _compiled as c; "
        'print(c(compile(\'x in {"a", "b", "c", "d"}\', \'session\', \'eval\')))'
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def test_a_scheme_that_protects_nothing_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aimless.py").write_text(
        "from dataclasses import dataclass\nimport fowh\n@dataclass(frozen=True)\n"
        "class Aimless(fowh.Scheme):\n    def release(self, values, keys, rng):\n"
        "        return fowh.Release(values)\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="does not say `protects`"):
        load("scheme", "aimless:Aimless")


@pytest.mark.parametrize("value", ["theirs_leak", "theirs_leak:Theirs"])
def test_a_registered_class_has_its_registered_name(
    value: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a third party's scheme can say that it protects a third party's leak."""
    (here / "theirs_leak.py").write_text(OWN)
    registered(monkeypatch, value.replace("Theirs", "Mine"))
    sys.path.insert(0, str(here))
    sys.modules.pop("theirs_leak", None)
    assert describe(load("scheme", "theirs"), "scheme")["name"] == "theirs"
    monkeypatch.setattr(registry, "_third_party", lambda kind: {})
    unnamed = describe(load("scheme", "theirs_leak:Mine"), "scheme")["name"]
    assert unnamed == "theirs_leak:Mine"
