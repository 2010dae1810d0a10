"""Datasets of image files: the real layouts in small, and the one line that every fault gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fowh.core import registry
from fowh.core.cache import digest
from fowh.core.dataset import Dataset, Samples, read
from fowh.core.errors import InputError
from fowh.datasets import _images
from fowh.datasets._errata import LFW
from fowh.datasets.folder import Folder
from fowh.datasets.lfw import Lfw
from fowh.datasets.nd_iris import NdIris

PEOPLE = ("al", "bo", "cy", "di")


def noise(seed: int, *shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(file: Path, values: Any, **options: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    (values if isinstance(values, Image.Image) else Image.fromarray(values)).save(file, **options)
    return file


def pixels(samples: Samples) -> np.ndarray[Any, Any]:
    assert samples.modality == "image" and samples.values.dtype == np.uint8
    return samples.values


def line(dataset: Dataset) -> str:
    """The one line that a fault gives."""
    with pytest.raises(InputError) as caught:
        dataset.load()
    text = str(caught.value)
    assert "\n" not in text and "expected" in text, text
    assert ": " in text.partition("expected")[2], text  # and what to do
    return text


def people(root: Path, side: int = 8, each: int = 2) -> Path:
    for i, name in enumerate(PEOPLE):
        for j in range(each):
            save(root / name / f"{j}.png", noise(10 * i + j, side, side))
    return root


def faces(root: Path, counts: dict[str, int]) -> Path:
    for i, (name, count) in enumerate(counts.items()):
        for j in range(1, count + 1):
            save(root / name / f"{name}_{j:04d}.jpg", noise(100 * i + j, 250, 250, 3), quality=90)
    return root


def irises(root: Path, suffix: str = "tiff", size: tuple[int, int] = (48, 64)) -> Path:
    """Three people, two readings of either eye; four eyes would be enough."""
    for i, person in enumerate(("04200", "04201", "02463")):
        records = []
        for j in range(4):
            stem = f"{person}d{j + 1:04d}"
            save(root / person / f"{stem}.{suffix}", noise(10 * i + j, *size))
            records.append(f"shotid  {stem}\neye  {'Right' if j % 2 else 'Left'}\nsensor LG2200\n")
        (root / person / f"{person}.txt").write_text("\n".join(records))
    return root


def table(root: Path, rows: list[str], header: str = "file,subject,eye") -> Path:
    (root / "metadata.csv").write_text("\n".join([header, *rows]) + "\n")
    return root


def all_rows() -> list[str]:
    return [
        f"{p}/{p}d{j + 1:04d}.tiff,{p},{'R' if j % 2 else 'left'}"
        for p in ("04201", "04200", "02463")
        for j in range(4)
    ]


# --- folder ---------------------------------------------------------------------------------


def test_folder_reads_every_image_where_it_belongs(tmp_path: Path) -> None:
    samples = Folder(str(people(tmp_path)), side=8).load()
    assert samples.names == PEOPLE and dict(samples.traits) == {}
    assert samples.subjects.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert samples.subjects.dtype == np.int64
    expected = np.stack([noise(10 * i + j, 8, 8) for i in range(4) for j in range(2)])
    assert np.array_equal(pixels(samples), expected)
    assert samples.sha256 == digest(samples.names, samples.subjects, expected)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("suffix", ["png", "PGM", "tiff", "bmp", "webp", "jpg", "JPEG", "gif"])
def test_folder_reads_formats_in_grey_and_colour(suffix: str, colour: bool, tmp_path: Path) -> None:
    people(tmp_path, each=1)
    values = np.kron(noise(3, 2, 2), np.ones((8, 8), np.uint8))  # flat blocks survive JPEG
    image = Image.fromarray(values)
    options = {"lossless": True} if suffix == "webp" else {}
    for i, name in enumerate(PEOPLE):
        save(tmp_path / name / f"9.{suffix}", image.rotate(90 * i), **options)
    images = pixels(Folder(str(tmp_path), side=16, colour=colour).load())
    assert images.shape == ((8, 16, 16, 3) if colour else (8, 16, 16))
    for i in range(4):
        truth = np.asarray(image.rotate(90 * i)).astype(int)
        found = images[2 * i + 1].astype(int)
        assert np.abs((found if not colour else found[..., 1]) - truth).max() <= 2


def test_folder_keeps_colours_and_weighs_them_in_grey(tmp_path: Path) -> None:
    people(tmp_path)
    rgb = np.empty((8, 8, 3), np.uint8)
    rgb[:] = (200, 100, 50)
    alpha = np.dstack([rgb, np.full((8, 8), 7, np.uint8)])
    save(tmp_path / "al" / "0.png", alpha)
    palette = Image.fromarray(rgb).quantize(4)
    save(tmp_path / "al" / "1.png", palette)
    save(tmp_path / "bo" / "0.png", palette, transparency=b"\x00\x80\xff\xff")
    save(tmp_path / "bo" / "1.png", Image.fromarray(rgb).convert("CMYK").convert("RGB"))
    coloured = pixels(Folder(str(tmp_path), side=8, colour=True).load())[:4]
    assert np.abs(coloured.astype(int) - (200, 100, 50)).max() <= 1
    grey = pixels(Folder(str(tmp_path), side=8).load())[:4]
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert np.abs(grey.astype(int) - luma).max() <= 1


@pytest.mark.parametrize("suffix", ["png", "tiff", "pgm"])
def test_sixteen_bits_become_the_upper_eight(suffix: str, tmp_path: Path) -> None:
    people(tmp_path)
    (tmp_path / "al" / "0.png").unlink()
    deep = np.random.default_rng(0).integers(0, 2**16, (8, 8), dtype=np.uint16)
    save(tmp_path / "al" / f"0.{suffix}", deep)
    assert np.array_equal(pixels(Folder(str(tmp_path), side=8).load())[0], deep >> 8)


def test_pixels_that_are_no_grey_levels_are_refused(tmp_path: Path) -> None:
    people(tmp_path)
    save(tmp_path / "al" / "2.tiff", np.full((8, 8), 0.5, np.float32))
    assert "pixels are fractions" in line(Folder(str(tmp_path)))
    save(tmp_path / "al" / "2.tiff", np.full((8, 8), 70000, np.int32))
    assert "pixels of 32 bits" in line(Folder(str(tmp_path)))


def test_the_centre_is_cut_and_nothing_is_distorted(tmp_path: Path) -> None:
    people(tmp_path)
    wide = noise(5, 8, 21)
    save(tmp_path / "al" / "0.png", wide)
    save(tmp_path / "al" / "1.png", wide.T)
    images = pixels(Folder(str(tmp_path), side=8).load())
    assert np.array_equal(images[0], wide[:, 6:14])
    assert np.array_equal(images[1], wide.T[6:14])


def test_resizing_averages_within_the_range_of_the_pixels(tmp_path: Path) -> None:
    people(tmp_path, side=64)
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    save(tmp_path / "al" / "0.png", board.astype(np.uint8))
    step = np.repeat(np.repeat([[40, 200]], 32, axis=1), 64, axis=0)
    save(tmp_path / "al" / "1.png", step.astype(np.uint8))
    images = pixels(Folder(str(tmp_path), side=16).load())
    assert np.abs(images[0][2:-2, 2:-2].astype(int) - 128).max() <= 2  # not every fourth pixel
    assert images[1].min() == 40 and images[1].max() == 200  # no ringing
    assert pixels(Folder(str(tmp_path), side=100).load()).shape == (8, 100, 100)


@pytest.mark.parametrize("suffix", ["png", "tiff"])  # Pillow itself turns one of them
def test_photographs_are_turned_upright(suffix: str, tmp_path: Path) -> None:
    people(tmp_path)
    (tmp_path / "al" / "0.png").unlink()
    lying, exif = noise(5, 8, 8), Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    save(tmp_path / "al" / f"0.{suffix}", lying, exif=exif)
    assert np.array_equal(pixels(Folder(str(tmp_path), side=8).load())[0], np.rot90(lying, -1))


def test_other_files_change_nothing(tmp_path: Path) -> None:
    before = Folder(str(people(tmp_path)), side=8).load()
    for name in ("Thumbs.db", ".DS_Store", "notes.txt", "._0.png", ".png", "README", "a.pdf"):
        (tmp_path / "al" / name).write_bytes(b"no image")
    (tmp_path / "list.csv").write_text("a")
    save(tmp_path / "stray.png", noise(0, 8, 8))
    save(tmp_path / ".cache" / "0.png", noise(0, 8, 8))
    save(tmp_path / "al" / "deeper" / "0.png", noise(0, 8, 8))
    (tmp_path / "al" / "folder.png").mkdir()
    (tmp_path / "empty").mkdir()
    after = Folder(str(tmp_path), side=8).load()
    assert after.sha256 == before.sha256 and after.names == PEOPLE


def test_a_long_reading_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    people(tmp_path, each=_images.TOLD)
    samples = read(Folder(str(tmp_path), side=8), lambda text, done: told.append((text, done)), 0.3)
    assert len(told) == len(samples) // _images.TOLD >= 3
    assert {done for _, done in told} == {0.3}
    assert told[0][0].startswith(f"reading {tmp_path.name}: 64 of {len(samples)}, ")
    told.clear()
    Folder(str(tmp_path), side=8).load()  # nobody listens any more
    assert not told


@pytest.mark.parametrize("make", ["folder", "lfw", "nd_iris"])
def test_the_order_of_the_file_system_changes_nothing(
    make: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if make == "folder":
        dataset: Dataset = Folder(str(people(tmp_path)), side=8)
    elif make == "lfw":
        dataset = Lfw(str(faces(tmp_path, dict.fromkeys(PEOPLE, 3))), readings=3)
    else:
        masks = tmp_path / "masks"
        for file in irises(tmp_path / "nd").rglob("*.tiff"):
            save(masks / file.parent.name / f"{file.stem}.png", np.ones((48, 64), np.uint8))
        dataset = NdIris(str(tmp_path / "nd"), str(masks))
    before = dataset.load()
    given = Path.iterdir
    calls = []

    def backwards(self: Path) -> Any:
        calls.append(self)
        return iter(sorted(given(self), reverse=len(calls) % 2 == 1))

    monkeypatch.setattr(Path, "iterdir", backwards)
    after = dataset.load()
    assert len(calls) > 3 and after.names == before.names and after.sha256 == before.sha256
    assert np.array_equal(pixels(after), pixels(before))


def test_the_digest_is_that_of_names_labels_and_pixels(tmp_path: Path) -> None:
    dataset = Folder(str(people(tmp_path)), side=8)
    seen = [dataset.load().sha256]
    assert dataset.load().sha256 == seen[0]
    changed = noise(0, 8, 8)
    changed[3, 3] ^= 1
    save(tmp_path / "al" / "0.png", changed)
    seen.append(dataset.load().sha256)
    (tmp_path / "al").rename(tmp_path / "am")
    seen.append(dataset.load().sha256)
    (tmp_path / "am" / "1.png").rename(tmp_path / "bo" / "-.png")
    save(tmp_path / "am" / "0b.png", noise(1, 8, 8))
    seen.append(dataset.load().sha256)
    seen.append(Folder(str(tmp_path), side=9).load().sha256)
    assert len(set(seen)) == 5


def test_subjects_with_too_few_images_are_left_out(tmp_path: Path) -> None:
    people(tmp_path)
    save(tmp_path / "ab" / "0.png", noise(0, 8, 8))
    assert Folder(str(tmp_path)).load().names == PEOPLE
    assert Folder(str(tmp_path), readings=1).load().names == ("ab", *PEOPLE)
    text = line(Folder(str(tmp_path), readings=3))
    assert "0 of 5 subjects with 3 images or more; expected 4 subjects or more" in text
    (tmp_path / "di" / "1.png").unlink()
    assert "3 of 5 subjects with 2 images or more" in line(Folder(str(tmp_path)))


@pytest.mark.parametrize("plugin", [Folder, Lfw, NdIris])
def test_roots_that_are_no_folder_of_subjects(
    plugin: Callable[[str], Dataset], tmp_path: Path
) -> None:
    assert f"{tmp_path / 'none'}: no such folder" in line(plugin(str(tmp_path / "none")))
    (tmp_path / "file.png").write_bytes(b"")
    assert "file.png: is no folder" in line(plugin(str(tmp_path / "file.png")))
    assert "cannot be read" in line(plugin(str(tmp_path / ("n" * 300))))
    assert "cannot be read" in line(plugin(str(tmp_path) + "/a\0b"))
    assert f"{tmp_path}: has no folders" in line(plugin(str(tmp_path)))
    (tmp_path / "al" / "deeper").mkdir(parents=True)
    (tmp_path / "bo").mkdir()
    (tmp_path / "al" / "Thumbs.db").write_bytes(b"")
    assert "no images directly in its 2 folders" in line(plugin(str(tmp_path)))


@pytest.mark.parametrize("locked", [".", "bo"])
def test_folders_that_may_not_be_read(
    locked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(tmp_path)
    given, refused = Path.iterdir, tmp_path / locked

    def guarded(self: Path) -> Any:  # chmod does not stop the superuser, who may run the tests
        if self == refused:
            raise PermissionError(13, "Permission denied", str(self))
        return given(self)

    monkeypatch.setattr(Path, "iterdir", guarded)
    assert f"{refused}: cannot be read (Permission denied)" in line(Folder(str(tmp_path)))


@pytest.mark.parametrize(
    ("suffix", "options"),
    [("jpg", {}), ("png", {}), ("pgm", {}), ("tiff", {}), ("tiff", {"compression": "tiff_lzw"})],
)
@pytest.mark.parametrize("kept", [0, 5, 40, 0.5, 0.9])
def test_a_truncated_image_is_named(
    suffix: str, options: dict[str, str], kept: float, tmp_path: Path
) -> None:
    file = save(people(tmp_path) / "cy" / f"7.{suffix}", noise(1, 40, 40), **options)
    whole = file.read_bytes()
    file.write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    text = line(Folder(str(tmp_path)))
    assert f"1 of 9 images unusable (the first is {file}: " in text and "intact images" in text


def test_broken_images_are_counted(tmp_path: Path) -> None:
    people(tmp_path)
    for name in ("bo", "cy"):
        (tmp_path / name / "8.jpg").write_bytes(b"this is text")
    assert f"2 of 10 images unusable (the first is {tmp_path / 'bo' / '8.jpg'}: cannot" in line(
        Folder(str(tmp_path))
    )
    (tmp_path / "cy" / "8.jpg").unlink()
    (tmp_path / "bo" / "8.jpg").rename(tmp_path / "bo" / "8.jpg.txt")
    assert len(Folder(str(tmp_path)).load()) == 8


@pytest.mark.parametrize(
    "build",
    [
        lambda: Folder("x", side=7),
        lambda: Folder("x", side=1025),
        lambda: Folder("x", readings=0),
        lambda: Lfw("x", side=251),
        lambda: Lfw("x", readings=0),
        lambda: Lfw("x", readings=531),
        lambda: NdIris("x", side=7),
        lambda: NdIris("x", readings=0),
    ],
)
def test_parameters_outside_their_limits(build: Callable[[], Dataset]) -> None:
    with pytest.raises(InputError, match=r"^(folder|lfw|nd_iris):(side|readings)=\d+: expected"):
        build()


def test_the_command_line_lists_and_builds_them(tmp_path: Path) -> None:
    for name in ("folder", "lfw", "nd_iris"):
        assert name in registry.names("dataset")
        assert 20 < len(registry.summary("dataset", name)) < 100
        assert registry.load("dataset", f"{name}:root={tmp_path},side=32").side == 32
    assert registry.load("dataset", f"folder:root={tmp_path},colour=true").colour is True
    assert {n for n in registry.names("dataset") if n.startswith("_")} == set()


def test_only_formats_that_are_decoded_here_count_as_images() -> None:
    known = _images.image_suffixes()
    assert {".jpg", ".jpeg", ".png", ".pgm", ".ppm", ".tif", ".tiff", ".bmp", ".gif"} <= known
    assert not {".pdf", ".eps", ".ps", ".h5", ".mpg", ".wmf", ".txt", ".db", ".csv"} & known


# --- lfw ------------------------------------------------------------------------------------


def test_lfw_is_the_centre_of_people_with_enough_photographs(tmp_path: Path) -> None:
    root = tmp_path / "lfw-deepfunneled"
    faces(root, {"Di_Doe": 15, "Al_Ray": 16, "Cy_Poe": 15, "Bo_Lee": 15, "Ed_Few": 14})
    samples = Lfw(str(root), cut="face").load()
    assert samples.names == ("Al_Ray", "Bo_Lee", "Cy_Poe", "Di_Doe") and not samples.traits
    assert np.bincount(samples.subjects).tolist() == [16, 15, 15, 15]
    images = pixels(samples)
    assert images.shape == (61, 128, 128, 3)
    for row, name, number in ((0, "Al_Ray", 1), (15, "Al_Ray", 16), (60, "Di_Doe", 15)):
        with Image.open(root / name / f"{name}_{number:04d}.jpg") as image:
            assert np.array_equal(images[row], np.asarray(image)[61:189, 61:189])
    assert Lfw(str(tmp_path), cut="face").load().sha256 == samples.sha256  # the parent will do
    whole = pixels(Lfw(str(root)).load())  # for whoever finds faces himself
    assert whole.shape == (61, 250, 250, 3)
    assert np.array_equal(whole[:, 61:189, 61:189], images)
    assert "1 of 5 subjects with 16 images" in line(Lfw(str(root), readings=16))


def test_lfw_resizes_the_same_region(tmp_path: Path) -> None:
    faces(tmp_path, dict.fromkeys(PEOPLE, 1))
    values = np.full((250, 250, 3), 255, np.uint8)
    values[61:189, 61:189] = (10, 20, 30)
    Image.fromarray(values).save(tmp_path / "al" / "al_0001.jpg", quality=100, subsampling=0)
    images = pixels(Lfw(str(tmp_path), readings=1, cut="face", side=32).load())
    assert images.shape == (4, 32, 32, 3)
    assert np.abs(images[0][2:-2, 2:-2].astype(int) - (10, 20, 30)).max() < 6


def test_lfw_leaves_out_what_is_known_to_be_wrong(tmp_path: Path) -> None:
    """By default: counted where the person stays, and a person who falls below is gone."""
    wrong = next(iter(LFW)).rpartition("_")[0]
    number = int(next(iter(LFW)).rpartition("_")[2])
    faces(tmp_path, dict.fromkeys(PEOPLE, number) | {wrong: number})
    left = Lfw(str(tmp_path), readings=number - 1).load()
    assert left.left_out == 1 and np.bincount(left.subjects).tolist() == [number - 1] + [number] * 4
    whole = Lfw(str(tmp_path), readings=number, errata="keep").load()
    assert whole.left_out == 0 and len(whole) == 5 * number
    assert wrong in whole.names and wrong not in Lfw(str(tmp_path), readings=number).load().names


def test_lfw_in_another_size_is_refused(tmp_path: Path) -> None:
    faces(tmp_path, dict.fromkeys(PEOPLE, 2))
    file = save(tmp_path / "cy" / "cy_0002.jpg", noise(0, 112, 96, 3))
    text = line(Lfw(str(tmp_path), readings=2))
    assert f"1 of 8 images unusable (the first is {file}: 96 x 112 pixels, expected 250" in text


# --- nd_iris --------------------------------------------------------------------------------

EYES = tuple(f"{p}-{e}" for p in ("02463", "04200", "04201") for e in ("left", "right"))


def test_nd_iris_makes_subjects_of_eyes(tmp_path: Path) -> None:
    samples = NdIris(str(irises(tmp_path, size=(64, 80))), side=64).load()
    assert samples.names == EYES and set(samples.traits) == {"left"}
    assert samples.traits["left"].dtype == np.bool_
    assert samples.traits["left"].tolist() == [True, False] * 3
    assert samples.subjects.tolist() == np.repeat(np.arange(6), 2).tolist()
    order = [20, 22, 21, 23, 0, 2, 1, 3, 10, 12, 11, 13]  # seeds: left 1, 3 then right 2, 4
    truth = np.stack([noise(seed, 64, 80)[:, 8:72] for seed in order])
    assert np.array_equal(pixels(samples), truth)
    assert samples.sha256 == digest(EYES, samples.subjects, truth, samples.traits["left"])


def test_nd_iris_reads_records_however_they_are_written(tmp_path: Path) -> None:
    truth = NdIris(str(irises(tmp_path))).load().sha256
    for person in ("04200", "04201", "02463"):
        text = tmp_path / person / f"{person}.txt"
        names = [f"{person}d{j + 1:04d}" for j in range(4)]
        sides = ["Left", "Right"] * 2
        pairs = list(zip(names, sides, strict=True))
        for written in (
            "".join(f"eye string {s}\nsequenceid string {n}\n" for n, s in pairs),
            "\ufeffrecord\r\n" + "\r\n\r\n".join(f"SequenceID={n}\r\nEye={s}" for n, s in pairs),
            "".join(f"file: {n}.tiff\neye: {s[0]}\nnote\n\n" for n, s in pairs),
        ):
            text.write_text(written, encoding="utf-8")
            assert NdIris(str(tmp_path)).load().sha256 == truth, written
        text.rename(tmp_path / text.name)
        assert NdIris(str(tmp_path)).load().sha256 == truth


def test_nd_iris_reads_a_table(tmp_path: Path) -> None:
    by_text = NdIris(str(irises(tmp_path))).load()
    for file in tmp_path.rglob("*.txt"):
        file.unlink()
    assert NdIris(str(table(tmp_path, all_rows()))).load().sha256 == by_text.sha256
    assert NdIris(str(table(tmp_path, all_rows()[::-1]))).load().sha256 == by_text.sha256
    assert len(NdIris(str(table(tmp_path, all_rows()[:-4]))).load()) == 8  # it is the list
    moved = [row.replace(",02463,", ",x,") for row in all_rows()]
    assert NdIris(str(table(tmp_path, moved))).load().names == (*EYES[2:], "x-left", "x-right")


def test_nd_iris_digest_includes_the_side(tmp_path: Path) -> None:
    irises(tmp_path)
    samples = NdIris(str(table(tmp_path, all_rows()))).load()
    assert samples.sha256 != digest(samples.names, samples.subjects, pixels(samples))


def test_nd_iris_without_known_eyes(tmp_path: Path) -> None:
    irises(tmp_path)
    text = tmp_path / "04200" / "04200.txt"
    records = text.read_text()
    text.write_text(records.replace("Left", "Both", 1))
    first = tmp_path / "04200" / "04200d0001.tiff"
    assert f"1 of 12 images without a known eye (the first is {first}: 'both')" in line(
        NdIris(str(tmp_path))
    )
    text.write_text(records + "\nshotid 04200d0001\neye Right\n")  # a contradiction
    assert f"1 of 12 images without a known eye (the first is {first}: 'left or right'" in line(
        NdIris(str(tmp_path))
    )
    text.write_text("shotid 04200d0001\n\neye Right\n" + records.partition("\n\n")[2])
    assert f"1 of 12 images without a known eye (the first is {first}: '')" in line(
        NdIris(str(tmp_path))
    )
    text.write_text(records + "\nshotid 04200d0001\neye L\n")  # the same in another word
    assert len(NdIris(str(tmp_path)).load()) == 12
    text.unlink()
    assert f"4 of 12 images without a known eye (the first is {first}: '')" in line(
        NdIris(str(tmp_path))
    )
    rows = [row.replace(",left", ",") for row in all_rows()]
    assert "6 of 12 images without a known eye" in line(NdIris(str(table(tmp_path, rows))))


def test_nd_iris_tables_that_cannot_be_used(tmp_path: Path) -> None:
    irises(tmp_path)
    rows = all_rows()
    wrong = table(tmp_path, rows, "file,person,eye")
    assert "metadata.csv: file, person, eye; expected the columns" in line(NdIris(str(wrong)))
    assert "metadata.csv: no rows; expected" in line(NdIris(str(table(tmp_path, []))))
    absent = [*rows, "04200/none.tiff,04200,left"]
    text = line(NdIris(str(table(tmp_path, absent))))
    assert "1 of 13 images not below root (the first is 04200/none.tiff)" in text
    outside = [*rows, f"{tmp_path}/04200/04200d0001.tiff,04200,left"]
    assert "1 of 13 images not below root" in line(NdIris(str(table(tmp_path, outside))))
    assert "names a file twice" in line(NdIris(str(table(tmp_path, [*rows, rows[0]]))))
    unnamed = [rows[0].replace(",04201,", ",,"), *rows[1:]]
    assert "1 of 12 images without a subject" in line(NdIris(str(table(tmp_path, unnamed))))
    short = [rows[0].partition(",")[0], *rows[1:]]
    assert "1 of 12 images without a subject" in line(NdIris(str(table(tmp_path, short))))
    (tmp_path / "metadata.csv").write_bytes(b"\xff\xfe\x00\n")
    assert "metadata.csv: cannot be read" in line(NdIris(str(tmp_path)))


def test_nd_iris_with_too_few_eyes(tmp_path: Path) -> None:
    irises(tmp_path)
    assert "0 of 6 subjects with 3 images or more" in line(NdIris(str(tmp_path), readings=3))


def masks_for(root: Path, masks: Path, suffix: str = "png", lit: int = 1) -> np.ndarray[Any, Any]:
    """The same mask for every image: rows 10-29 and columns 20-59, without a corner."""
    inside = np.zeros((48, 64), np.uint8)
    inside[10:30, 20:60] = lit
    inside[10:15, 20:25] = 0
    for file in root.rglob("*.tiff"):
        save(masks / file.parent.name / f"{file.stem}.{suffix}", inside)
    return inside > 0


@pytest.mark.parametrize(("suffix", "lit"), [("png", 1), ("bmp", 255), ("tiff", 7)])
def test_nd_iris_keeps_what_the_mask_shows(suffix: str, lit: int, tmp_path: Path) -> None:
    root, masks = irises(tmp_path / "nd"), tmp_path / "masks"
    inside = masks_for(root, masks, suffix, lit)
    images = pixels(NdIris(str(root), str(masks), side=40).load())
    truth = np.zeros((40, 40), np.uint8)  # the square around it: rows 0-39, columns 20-59
    truth[:] = (noise(20, 48, 64) * inside)[0:40, 20:60]
    assert np.array_equal(images[0], truth) and images[0].any()


def test_nd_iris_pads_beyond_the_image(tmp_path: Path) -> None:
    root, masks = irises(tmp_path / "nd"), tmp_path / "masks"
    masks_for(root, masks)
    inside = np.zeros((48, 64), bool)
    inside[40:, 0:32] = True
    save(masks / "02463" / "02463d0001.png", inside)  # one bit a pixel
    images = pixels(NdIris(str(root), str(masks), side=32).load())
    truth = np.zeros((32, 32), np.uint8)
    truth[12:20] = noise(20, 48, 64)[40:, 0:32]
    assert np.array_equal(images[0], truth)
    tall = np.zeros((48, 64), bool)
    tall[0:32, 60:] = True
    save(masks / "02463" / "02463d0001.png", tall)
    images = pixels(NdIris(str(root), str(masks), side=32).load())
    truth[:] = 0
    truth[:, 14:18] = noise(20, 48, 64)[:32, 60:]
    assert np.array_equal(images[0], truth)


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "I;16"])
def test_nd_iris_masks_of_any_mode(mode: str, tmp_path: Path) -> None:
    root, masks = irises(tmp_path / "nd"), tmp_path / "masks"
    inside = masks_for(root, masks)
    truth = NdIris(str(root), str(masks)).load().sha256
    if mode == "I;16":
        other: Any = Image.fromarray(inside.astype(np.uint16) * 256)
    elif mode == "P":  # black is not the first colour
        other = Image.fromarray((~inside).astype(np.uint8))
        other.putpalette([0, 0, 200, 0, 0, 0])
    else:
        other = Image.fromarray(inside.astype(np.uint8) * 255).convert(mode)  # alpha is 255
    for file in masks.rglob("*.png"):
        save(file, other)
    assert NdIris(str(root), str(masks)).load().sha256 == truth


def test_nd_iris_masks_that_are_missing_or_do_not_fit(tmp_path: Path) -> None:
    root, masks = irises(tmp_path / "nd"), tmp_path / "masks"
    assert f"{masks}: no such folder" in line(NdIris(str(root), str(masks)))
    inside = masks_for(root, masks)
    (masks / "04200" / "04200d0003.png").unlink()
    first = root / "04200" / "04200d0003.tiff"
    text = line(NdIris(str(root), str(masks)))
    assert f"1 of 12 images without a mask (the first is {first})" in text
    for file in (masks / "04200").iterdir():
        file.unlink()
    (masks / "04200").rmdir()
    assert "4 of 12 images without a mask" in line(NdIris(str(root), str(masks)))
    masks_for(root, masks)
    file = save(masks / "04200" / "04200d0003.png", inside[:, :-1])
    assert f"{first}: its mask is 63 x 48, the image 64 x 48" in line(NdIris(str(root), str(masks)))
    save(file, np.zeros_like(inside))
    assert f"1 of 12 images unusable (the first is {first}: its mask is empty" in line(
        NdIris(str(root), str(masks))
    )
    file.write_bytes(b"text")
    text = line(NdIris(str(root), str(masks)))
    assert str(file) in text and "1 of 12 images unusable" in text
