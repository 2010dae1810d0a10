"""Are patterns told from faces? ``python -m bench.patterns orl WITNESS; ... LFW WITNESS``.

Instead of `orl` the folder of people of Labeled Faces in the Wild, of whom those with at least 15
photographs are taken; WITNESS is an ONNX recogniser. Attacked is dlib, before which patterns are
made at several strengths (the largest change of a pixel of somebody else's photograph); the honest
attacks of the suite that make pictures stand beside them. What is printed is kept in
bench/records/patterns.json, a part for each data set.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

import fowh
from fowh.protocols.standard import Standard
from fowh.records.store import commit_of

RECORD = Path(__file__).parent / "records" / "patterns.json"
LEVELS = (1, 2, 3, 4, 8)
HONEST = ("dictionary", "image_ridge", "preimage", "ridge", "morph_gan")
ROWS = 16  # that descend at once


@dataclass(frozen=True)
class Patterns(fowh.Attack):
    """Own photographs, changed pixel by pixel until the network takes them for the victim's.

    Signed gradient steps on the squared distance to the stolen embedding, in a box around the
    photograph (Madry et al., ICLR 2018, section 2.1).

    Attributes:
        level: largest change of a pixel, of 255.
        steps: of the descent.
    """

    yields = "samples"
    level: int = 4
    steps: int = 20

    def run(self, view: fowh.View, rng: np.random.Generator) -> NDArray[np.uint8]:
        own, module = view.samples, view.module
        assert own is not None and module is not None
        first = own[rng.integers(len(own), size=len(view.release.code))]
        made = np.empty_like(first)
        for begin in range(0, len(first), ROWS):
            rows = slice(begin, begin + ROWS)
            wanted = torch.tensor(view.release.code[rows], device=view.device)
            start = torch.tensor(first[rows], device=view.device).float()
            start = start[:, None] if start.ndim == 3 else start.permute(0, 3, 1, 2)
            moved = self._moved(module, start, wanted).round().byte().cpu()
            made[rows] = moved[:, 0] if own.ndim == 3 else moved.permute(0, 2, 3, 1)
            view.progress("patterns", min(1.0, rows.stop / len(first)))
        return made

    def _moved(self, module: Any, start: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        moved = start
        for _ in range(self.steps):
            moved = moved.detach().requires_grad_()
            loss = (module(moved / 255) - wanted).square().sum()
            (slope,) = torch.autograd.grad(loss, moved)
            moved = moved.detach() - 2.5 * self.level / self.steps * slope.sign()
            moved = start + (moved - start).clamp(-self.level, self.level)
            moved = moved.clamp(0, 255)
        return moved.detach()


@dataclass(frozen=True)
class Few(Standard):
    """Five subject-disjoint folds in which few rows are stolen: descent through dlib takes time."""

    max_stolen: ClassVar[int] = 24


def main() -> None:
    """Measure, print and keep."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    where, witness = sys.argv[1:]
    name = "orl" if where == "orl" else "lfw"
    dataset = "orl" if name == "orl" else f"folder:root={where},side=250,colour=true,readings=15"

    def note(text: str, done: float) -> None:
        print(f"{done:4.0%} {text}", file=sys.stderr, flush=True)

    found = fowh.evaluate(
        "raw",
        dataset=dataset,
        witness=f"onnx:path={witness}",
        protocol=Few(),
        attacks=[*HONEST, *(Patterns(level=level) for level in LEVELS)],
        box="white",
        progress=note,
    )
    record, rows = found.record, []
    flagged = [each["text"] for each in record["flags"] if each["flag"] == "adversarial"]
    judged = {**record["attacks"]}
    judged |= {f"{of}, rendered": row for of, row in record["rendered"].items()}
    for label, row in judged.items():
        if row["status"] != "ok" or row["yields"] != "samples":
            continue
        ours, theirs = row["metrics"]["rank1"], row["metrics"]["transfer_rank1"]
        accused = any(
            text.partition(" has ")[0] == label.removesuffix(", rendered") for text in flagged
        )
        rows.append({"attack": label, "rank1": ours, "witness": theirs, "adversarial": accused})
        print(f"{label:40} {_rate(ours)} {_rate(theirs)} {'adversarial' if accused else ''}")
    others = [each["text"] for each in record["flags"]]
    print(*others, sep="\n")
    kept = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    kept[name] = {
        "commit": commit_of(record["environment"]),
        "chance": record["chance"]["rank1"],
        "people": record["data"]["subjects"],
        "stolen": record["data"]["stolen"],
        "unprotected": record["controls"],
        "flags": record["flags"],
        "rows": rows,
    }
    RECORD.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _rate(value: dict[str, Any]) -> str:
    low, high = value["ci_low"], value["ci_high"]
    return f"{100 * value['value']:5.1f} [{100 * low:.0f}, {100 * high:.0f}]"


if __name__ == "__main__":
    main()
