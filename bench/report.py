"""Run every benchmark and write docs/benchmarks.md: ``python -m bench.report``.

Figures that were measured apart stand in bench/records/apart.md, which the page ends with.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
APART = ROOT / "bench" / "records" / "apart.md"  # measured by hand: the page ends with it
TITLES = {
    "enrolment": (
        "Enrolment",
        "One shared key, whose projection is drawn before the clock starts; 512-d embeddings in, "
        "templates out. The floor of a projection scheme is the matrix product alone, written to "
        "memory that is already there; of IoM-URP, the same number of products of numbers that "
        "need not be gathered.",
    ),
    "all pairs": (
        "All pairs",
        "Every code with every probe's code, all scores returned.",
    ),
    "search": (
        "Search",
        "Exhaustive and exact: the same scores as comparing with everybody. An Index-of-Max code "
        "is searched by FAISS's 4-bit fast scan instead of a Hamming scan over one-hot codes.",
    ),
    "guessing": (
        "Guessing",
        "Secrets of one template tried by `brute_force` on one core, against the standard library "
        "hashing as many messages of that length, which uses the processor's own SHA-256 "
        "instructions where it has them.",
    ),
    "start": (
        "Start",
        "A whole process, from nothing to its end, beside an interpreter that does nothing.",
    ),
    "gradients": (
        "Gradients of single samples",
        "What a client computes that clips each sample's gradient by itself, against the one "
        "gradient of their mean.",
    ),
    "updates": (
        "Inverting gradients",
        "Steps of `invert_gradients` on many victims at once, against a double backward of one "
        "picture after another.",
    ),
    "training": (
        "Training",
        "One step of the image inverter: generator and discriminator, all losses, both updates.",
    ),
}


def measure() -> dict[str, Any]:
    """The JSON that pytest-benchmark writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmarks.json"
        command = [sys.executable, "-m", "pytest", "bench", f"--benchmark-json={path}"]
        subprocess.run(command, cwd=ROOT, check=True)
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def page(results: dict[str, Any]) -> str:
    """The Markdown page of one run."""
    cpu = results["machine_info"]["cpu"]
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("numpy", "torch", _faiss(), "pytest-benchmark")
    )
    lines = [
        "# Benchmarks",
        "",
        "Written by `python -m bench.report`, which runs `pytest bench` and adds "
        "`bench/records/apart.md`; do not edit.",
        "",
        "Floor and work run in turn, in one process on all cores. *Ratio* is the median over the "
        "rounds of the work's speed divided by the floor's: 1 is the floor's speed, above 1 is "
        "faster. Rates are medians and depend on the machine; ratios much less.",
        "",
        f"{cpu.get('brand_raw', platform.machine())}, {_threads()} threads; "
        f"Python {platform.python_version()}, {libraries}.",
    ]
    for group, (title, text) in TITLES.items():
        rows = [item["extra_info"] for item in results["benchmarks"] if item["group"] == group]
        unit = rows[0]["unit"]
        lines += [
            "",
            f"## {title}",
            "",
            text,
            "",
            f"| scheme | size | {unit}/s | floor | floor's {unit}/s | ratio | bytes per code |",
            "|---|---|---:|---|---:|---:|---:|",
            *map(_row, rows),
        ]
    return "\n".join([*lines, "", APART.read_text(encoding="utf-8")])


def _row(info: dict[str, Any]) -> str:
    size = f"{info['bytes_each']:,.0f}"
    if "floor_bytes" in info and round(info["floor_bytes"]) != round(info["bytes_each"]):
        size += f" (floor: {info['floor_bytes']:,.0f})"
    cells = [f"`{info['what']}`", info["shape"], _rate(info["rate"]), info["floor"]]
    cells += [_rate(info["floor_rate"]), f"{info['ratio']:.2f}", size]
    return "| " + " | ".join(cells) + " |"


def _rate(value: float) -> str:
    """Three digits: 1,230 or 12.3 M."""
    if value >= 1e6:
        return f"{value / 1e6:.3g} M"
    return f"{float(f'{value:.3g}'):,.0f}"


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _faiss() -> str:
    """The wheel that provides faiss here."""
    from importlib.metadata import packages_distributions

    return packages_distributions()["faiss"][0]


if __name__ == "__main__":
    PAGE.write_text(page(measure()), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
