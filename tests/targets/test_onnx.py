"""The onnx target, on tiny graphs made here: what it computes, and every file that it refuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fowh.cells import make_cell
from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.targets import _onnx_graph
from fowh.targets.onnx import Onnx
from tests.targets import onnx_files as files

pytest.importorskip("onnxruntime", reason="the extra fowh[onnx] is not installed")
onnx = pytest.importorskip("onnx", reason="the extra fowh[onnx] is not installed")
helper = onnx.helper
COLOUR = np.full((1, 8, 8, 3), (10, 20, 40), dtype=np.uint8)


def noise(count: int, *shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, *(shape or (8, 8, 3))), dtype=np.uint8)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"mean": 10.0, "scale": 5.0}, (0, 2, 6)),
        ({"mean": 10.0, "scale": 5.0, "colour": "bgr"}, (6, 2, 0)),
        ({}, (-117.5 / 127.5, -107.5 / 127.5, -87.5 / 127.5)),
        ({"mean": 10.0, "scale": 5.0, "unit": True}, (0, 2 / 40**0.5, 6 / 40**0.5)),
    ],
)
def test_mean_scale_and_the_order_of_colours(
    params: dict[str, Any], expected: tuple[float, ...], tmp_path: Path
) -> None:
    target = Onnx(files.means(tmp_path / "m.onnx"), **{"unit": False, **params})
    made = target.embed(COLOUR)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, [expected], atol=1e-5)


def test_grey_is_repeated_and_a_network_of_one_channel_takes_the_luma(tmp_path: Path) -> None:
    three = Onnx(files.means(tmp_path / "3.onnx"), mean=10.0, scale=5.0, unit=False)
    np.testing.assert_allclose(three.embed(COLOUR[..., 1]), [[2, 2, 2]], atol=1e-5)
    path = files.means(tmp_path / "1.onnx", shape=("n", 1, 8, 8), out=("n", 1))
    one = Onnx(path, mean=10.0, scale=5.0, unit=False)
    luma = 0.299 * 10 + 0.587 * 20 + 0.114 * 40
    np.testing.assert_allclose(one.embed(COLOUR), [[(luma - 10) / 5]], atol=1e-5)
    np.testing.assert_allclose(one.embed(COLOUR[..., 1]), [[2]], atol=1e-5)


def test_the_size_is_the_graphs_or_the_users(tmp_path: Path) -> None:
    fixed = Onnx(files.network(tmp_path / "fixed.onnx"), align="none")
    assert fixed.prepare(noise(2, 20, 12, 3)).samples.shape == (2, 8, 8, 3)
    assert fixed.prepare(noise(0, 20, 12)).samples.shape == (0, 8, 8)
    assert fixed.embed(noise(2, 16, 16)).shape == (2, 5)  # resized
    path = files.means(tmp_path / "open.onnx", shape=("n", 3, "h", "w"))
    assert Onnx(path, size=9, align="none").prepare(noise(1)).samples.shape == (1, 9, 9, 3)
    assert Onnx(path, size=9).embed(noise(4)).shape == (4, 3)
    with pytest.raises(InputError, match=r"height and width open.*give onnx:size=112"):
        Onnx(path).embed(noise(1))
    with pytest.raises(InputError, match="takes 8 x 8 pixels, not size=9: leave size out"):
        dataclasses.replace(fixed, size=9).prepare(noise(1))


def test_unaligned_pictures_are_central_squares(tmp_path: Path) -> None:
    picture = np.full((1, 30, 20), 40, dtype=np.uint8)
    picture[:, 5:25] = 200
    made = Onnx(files.network(tmp_path / "n.onnx"), align="none").prepare(picture)
    assert made.found.all() and (made.samples == 200).all()


@pytest.mark.parametrize("batch", ["n", 1, 4])
def test_what_else_is_in_a_batch_changes_nothing(batch: int | str, tmp_path: Path) -> None:
    pictures = noise(70)
    free = Onnx(files.network(tmp_path / "free.onnx"), unit=False).embed(pictures)
    target = Onnx(files.network(tmp_path / "n.onnx", batch=batch), unit=False)
    for count in (0, 1, 3, 4, 5, 70):
        made = target.embed(pictures[:count])
        assert made.shape == (count, 5)
        np.testing.assert_allclose(made, free[:count], rtol=1e-4, atol=1e-4)


def test_the_number_of_threads_changes_no_bit(tmp_path: Path) -> None:
    target, before = Onnx(files.network(tmp_path / "n.onnx")), torch.get_num_threads()
    made = []
    try:
        for threads in (1, 3, 3):
            torch.set_num_threads(threads)
            made.append(target.embed(noise(150)).tobytes())
    finally:
        torch.set_num_threads(before)
    assert len(set(made)) == 1


@pytest.mark.parametrize("batch", ["n", 1, 4])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("align", ["none", "chip"])
def test_the_white_box_says_what_the_black_box_says(
    batch: int | str, channels: int, align: Any, tmp_path: Path
) -> None:
    path = files.network(tmp_path / "n.onnx", batch, channels)
    target = Onnx(path, colour="bgr", align=align)
    network = target.module()
    assert network is not None and not network.training
    assert not any(weight.requires_grad for weight in network.parameters())
    for pictures in (noise(6), noise(5, 8, 8), noise(2, 30, 30, 3)):
        given = pictures[:, None] if pictures.ndim == 3 else pictures.transpose(0, 3, 1, 2)
        batch_of = (torch.tensor(np.ascontiguousarray(given)) / 255).requires_grad_()
        said = network(batch_of)
        np.testing.assert_allclose(said.detach().numpy(), target.embed(pictures), atol=1e-5)
        (slope,) = torch.autograd.grad(said[:, 0].sum(), batch_of)
        assert (slope != 0).any(dim=(1, 2, 3)).all()


def test_without_a_faithful_conversion_it_stays_a_black_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx2torch = pytest.importorskip("onnx2torch", reason="it makes white boxes; not installed")
    target = Onnx(files.means(tmp_path / "unknown.onnx", "Hardmax"), unit=False)
    assert sorted(target.embed(COLOUR)[0]) == [0, 0, 1]
    with pytest.warns(UserWarning, match=r"unknown\.onnx: no white box.*Hardmax") as caught:
        assert target.module() is None
    assert "\n" not in str(caught[0].message)
    target = Onnx(files.means(tmp_path / "other.onnx"))
    assert target.module() is not None
    convert = onnx2torch.convert
    wrong = torch.nn.ReLU()
    monkeypatch.setattr(
        onnx2torch, "convert", lambda model: torch.nn.Sequential(convert(model), wrong)
    )
    with pytest.warns(UserWarning, match="it says something else"):
        assert target.module() is None


def test_the_digest_is_that_of_file_and_parameters(tmp_path: Path) -> None:
    path = files.network(tmp_path / "n.onnx")
    target, again = Onnx(path), tmp_path / "again.onnx"
    again.write_bytes(Path(path).read_bytes())
    assert Onnx(str(again)).sha256 == target.sha256
    others = [
        *(Onnx(path, size=8), Onnx(path, colour="bgr"), Onnx(path, mean=127.0)),
        *(Onnx(path, scale=128.0), Onnx(path, align="none"), Onnx(path, align="chip")),
        *(Onnx(path, unit=False), Onnx(files.network(tmp_path / "other.onnx", seed=1))),
    ]
    digests = {each.sha256 for each in (target, *others)}
    assert len(digests) == len(others) + 1
    assert len({each.preparation for each in (target, *others[-4:-2])}) == 3
    files.network(Path(path), seed=2)  # the file is another one now
    assert target.sha256 not in digests


def saved_outside(path: Path) -> str:
    """A model whose weights would be read from a file beside its folder."""
    secret = path.parent / "secret"
    secret.write_bytes(b"\0" * 4096)
    model = onnx.load(files.network(path))
    for tensor in model.graph.initializer:
        if tensor.name == "weight":
            where = onnx.external_data_helper
            where.set_external_data(tensor, location="../secret", offset=0, length=2880)
            tensor.ClearField("raw_data")
    inside = path.parent / "folder"
    inside.mkdir()
    (inside / "n.onnx").write_bytes(model.SerializeToString())
    return str(inside / "n.onnx")


def saved_in_a_branch(path: Path) -> str:
    """The same hidden in a constant of a subgraph."""
    hidden = onnx.TensorProto(name="v", data_type=1, dims=[3], data_location=1)
    hidden.external_data.add(key="location", value="/etc/hostname")
    said = [helper.make_tensor_value_info("b", 1, ["n", 3])]
    nodes = [helper.make_node("Constant", [], ["k"], value=hidden)]
    nodes += [helper.make_node("Add", ["k", "m"], ["b"])]
    branch = helper.make_graph(nodes, "branch", [], said)
    outer = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch),
    ]
    return files.save(path, outer, constants={"yes": np.array(True)})


def text(path: Path) -> str:
    path.write_text("no model")
    return str(path)


def empty(path: Path) -> str:
    path.write_bytes(b"")
    return str(path)


def one_node(path: Path, operator: str, **how: Any) -> str:
    return files.save(path, [helper.make_node(operator, ["x"], ["y"])], **how)


def two_inputs(path: Path) -> str:
    nodes = [
        helper.make_node("Add", ["x", "z"], ["s"]),
        helper.make_node("ReduceMean", ["s"], ["y"], axes=[2, 3], keepdims=0),
    ]
    return files.save(path, nodes, extra=("z",))


BAD: list[tuple[Callable[[Path], str], str]] = [
    (lambda path: str(path), "no such file; expected an ONNX model: check the path"),
    (lambda path: str(path.parent), "no such file"),
    (lambda path: "a\0b", "zero character in its name"),
    (text, "is no ONNX model"),
    (empty, "is no ONNX model, or an empty one"),
    (lambda path: one_node(path, "NoSuchOperator"), "onnxruntime cannot load it"),
    (two_inputs, "has 2 inputs and 1 outputs; expected one of each"),
    (lambda path: one_node(path, "Relu", shape=("n", 3), out=("n", 3)), "expected tensor.float."),
    (lambda path: files.means(path, shape=("n", 8, 8, 3), out=("n", 8)), "channels first"),
    (lambda path: files.means(path, shape=("n", 3, 8, 9)), "for squares"),
    (lambda path: files.means(path, kind=11), "input x is tensor.double.* in float32"),
    (lambda path: one_node(path, "Relu", out=("n", 3, 8, 8)), r"output y is .*\(n, d\)"),
    (lambda path: one_node(path, "Relu", out=None), r"y is .*\(n, d\)|says \(1, 3, 8, 8\)"),
    (lambda path: files.means(path, "Log"), "1 of 1 embeddings are not finite .* row 0"),
    (saved_outside, "keeps weights in another file; expected everything in one"),
    (saved_in_a_branch, "keeps weights in another file"),
]


@pytest.mark.parametrize(("make", "said"), BAD)
def test_what_cannot_be_used_is_one_line(
    make: Callable[[Path], str], said: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "bad.onnx")
    with pytest.raises(InputError, match=said) as caught:
        Onnx(path).embed(np.zeros((1, 8, 8, 3), dtype=np.uint8))
    assert "\n" not in str(caught.value)


def test_a_network_that_mixes_pictures_up_is_refused(tmp_path: Path) -> None:
    """It declares (n, d) and says something else."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[0, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["m", "shape"], ["y"]),
    ]
    constants = {"shape": np.array([1, 3], dtype=np.int64)}
    path = files.save(tmp_path / "mixed.onnx", nodes, out=("a", "d"), constants=constants)
    with pytest.raises(InputError, match=r"says \(1, 3\) of 2 pictures; expected one vector each"):
        Onnx(path).embed(noise(2))


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"size": -1}, "size=-1: expected 1 to 1024"),
        ({"size": 5000}, "size=5000"),
        ({"scale": 0.0}, "scale above 0"),
        ({"mean": float("nan")}, "expected finite numbers"),
    ],
)
def test_parameters_out_of_range(params: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Onnx("n.onnx", **params)


def test_wrong_images_are_refused(tmp_path: Path) -> None:
    target = Onnx(files.network(tmp_path / "n.onnx"))
    for take in (target.prepare, target.embed):
        with pytest.raises(InputError, match="expected uint8"):
            take(np.zeros((2, 9, 9), dtype=np.float32))  # type: ignore[arg-type]


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_without_the_libraries(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _onnx_graph.import_module

    def imported(name: str) -> Any:
        if name == missing:
            raise ImportError(f"No module named '{name}'")
        return found(name)

    monkeypatch.setattr(_onnx_graph, "import_module", imported)
    path = files.network(tmp_path / "n.onnx")
    with pytest.raises(InputError, match=rf"needs {missing} .*pip install 'fowh\[onnx\]'"):
        Onnx(path).embed(noise(1))


def test_a_witness_looks_at_what_the_target_prepared(tmp_path: Path) -> None:
    """Beside dlib those are its chips; ArcFace's crop is another one, and cannot be made anew."""
    path = files.network(tmp_path / "n.onnx")
    assert Onnx(path).frame == "arcface" and Onnx(path, align="none").frame == ""
    for target in ("dlib", "mlp", f"onnx:path={path},align=chip,size=8"):
        assert Onnx(path).beside(load("target", target)) == Onnx(path, align="chip")
    for target in ("densenet", f"onnx:path={path},size=8"):
        assert Onnx(path).beside(load("target", target)) == Onnx(path)
    assert Onnx(path, align="none").beside(load("target", "dlib")) == Onnx(path, align="none")
    with pytest.raises(
        InputError, match=r"reads faces aligned as dlib does it, the target .*arcface"
    ):
        load("target", "dlib").beside(Onnx(path))
    assert load("target", "dlib").beside(Onnx(path, align="chip")) == load("target", "dlib")
    cell = make_cell("raw", dataset="orl", witness=f"onnx:path={path}")
    found = cell.on(cell.dataset.load())
    assert found.witness == Onnx(path, align="chip")
    twice = make_cell("raw", dataset="orl", target=Onnx(path), witness=Onnx(path))
    with pytest.raises(InputError, match="the witness is the target itself"):
        twice.on(cell.dataset.load())
