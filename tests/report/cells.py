"""Fabricated records and observations, for tests and screenshots only: nothing was measured."""

from __future__ import annotations

from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray[Any, Any]]


def value(rate: float, n: int = 400, spread: float = 0.02) -> dict[str, Any]:
    """A measured value whose interval is ``spread`` wide on each side, within 0..1."""
    low, high = max(0.0, rate - spread), min(1.0, rate + spread)
    return {"value": rate, "ci_low": low, "ci_high": high, "n": n}


def success(rank1: float, type1: float, purity: float, n: int = 400) -> dict[str, Any]:
    """All metrics of an attack; every value is distinct enough to be found in a report."""
    return {
        "rank1": value(rank1, n),
        "type1_at_fmr_1e-2": value(min(1.0, type1 + 0.013), n),
        "type1_at_fmr_1e-3": value(type1, n),
        "type2_at_fmr_1e-2": value(type1 * 0.951, n),
        "type2_at_fmr_1e-3": value(type1 * 0.917, n),
        "accept_at_fmr_1e-2": value(type1 * 0.987, n),
        "accept_at_fmr_1e-3": value(type1 * 0.963, n),
        "accept_renewed_at_fmr_1e-2": value(type1 * 0.893, n),
        "accept_renewed_at_fmr_1e-3": value(type1 * 0.851, n),
        "purity": value(purity, n, 0.01) | {"ci_low": purity - 0.01},
        "purity_centred": value(purity * 0.871, n, 0.01),
        "advantage_rank1": advantage(rank1 - 0.021, n),
    }


def advantage(gain: float, n: int = 400, spread: float = 0.02) -> dict[str, Any]:
    """A paired difference, which may be negative."""
    return {"value": gain, "ci_low": gain - spread, "ci_high": gain + spread, "n": n}


def ran(metrics: dict[str, Any], folds: int = 5, **more: Any) -> dict[str, Any]:
    """An attack that ran."""
    rest = {"yields": "embeddings", "folds": folds, "learned": False, "closed_form": False}
    rest |= {"seconds": 3.21, "queries": 0, "exhausted": False, "remarks": []}
    return {"status": "ok", **rest, "metrics": metrics, **more}


def counted(rank1: float, type1: float, purity: float, n: int = 400) -> dict[str, Any]:
    """The same of several attacks at once, which have no advantage."""
    made = success(rank1, type1, purity, n)
    return {name: part for name, part in made.items() if not name.startswith("advantage")}


def tried(rate: float, n: int = 400) -> dict[str, Any]:
    """What 1, 10, 100 and 1,000 blind guesses reach; ``rate`` with the most of them."""
    shares = {"1": 0.019, "10": 0.17, "100": 0.53, "1000": 1.0}
    return {count: value(rate * share, n) for count, share in shares.items()}


def stopped(status: str, reason: str) -> dict[str, Any]:
    """An attack that gave nothing."""
    return ran({}, folds=0) | {"status": status, "reason": reason}


def rendered(metrics: dict[str, Any]) -> dict[str, Any]:
    """Reconstructions of an attack that were made into samples."""
    return {"status": "ok", "yields": "samples", "folds": 1, "metrics": metrics}


def control(metrics: dict[str, Any], blind: bool, **more: Any) -> dict[str, Any]:
    """A control of embeddings, unless said otherwise."""
    rest = {"yields": "embeddings", "folds": 5, "blind": blind, "derived": False}
    return {"status": "ok", **rest, "metrics": metrics, **more}


def recognition(clear: float, own: float, stolen: float) -> dict[str, Any]:
    """Three scenarios by their FNMR at FMR 1 %; how much is lost is known well."""
    made = {
        name: {
            "fnmr_at_fmr_1e-2": value(rate, 3600, 0.006),
            "fnmr_at_fmr_1e-3": value(min(1.0, rate * 1.4 + 0.012), 3600, 0.01),
            "eer": value(rate * 0.53 + 0.003, 3600, 0.003),
        }
        for name, rate in (("unprotected", clear), ("own_key", own), ("stolen_key", stolen))
    }
    made["stolen_key"]["utility_loss"] = advantage(stolen - clear, 3600, 0.0008)
    return made


def plugin(name: str, **params: Any) -> dict[str, Any]:
    """A plug-in as a spec holds it."""
    return {"name": name, "params": params}


def broken() -> dict[str, Any]:
    """A scheme that recognises and falls, on photographs, with one attack skipped."""
    pictures = success(0.417, 0.302, 0.71) | {
        "ssim": value(0.431),
        "psnr": {"value": 14.27, "ci_low": 13.81, "ci_high": 14.73, "n": 400},
    }
    return {
        "schema": 3,
        "id": "0f3a9c41d2e87b65",
        "status": "ok",
        "reason": None,
        "spec": {
            "dataset": plugin("orl") | {"modality": "image", "sha256": "ab" * 32},
            "target": plugin("dlib") | {"sha256": "cd" * 32},
            "leak": plugin("templates"),
            "scheme": plugin("iom", hashes=300, group=16),
            "protocol": plugin("standard") | {"numbers": {"folds": 5, "max_stolen": 400}},
            "threat": {
                "keys": "subject",
                "leaked": True,
                "box": "black",
                "queries": 10_000,
                "samples": 2000,
                "versions": "train",
            },
            "attacks": [
                plugin("dictionary"),
                plugin("preimage", steps=200),
                plugin("gan", incorporate="rand", steps=2000),
            ],
            "witness": None,
            "seed": 0,
            "code": "ef" * 32,
        },
        "headline": {
            "utility": "fnmr_at_fmr_1e-2",
            "scenario": "stolen_key",
            "reference": "unprotected",
            "useless": 0.5,
            "success": ["rank1", "type1_at_fmr_1e-3"],
            "accepted": "accept_at_fmr_1e-3",
            "margin": 0.01,
            "scenarios": {
                "unprotected": "unprotected",
                "own_key": "protected, own keys",
                "stolen_key": "protected, stolen key",
                "renewed": "protected, across keys",
            },
        },
        "utility": recognition(0.002, 0.004, 0.011),
        "chance": {"rank1": 0.0566},
        "metrics": {},
        "data": {
            "samples": 400,
            "subjects": 40,
            "stolen": 400,
            "dimension": 128,
            "not_found": 3,
            "keyed": True,
            "gallery_readings": 160,
            "gallery_subjects": 16,
            "gallery_own": 0,
            "pairs_above": 41,
        },
        "attacks": {
            "dictionary": ran(success(0.022, 0.161, 0.82), seconds=0.43),
            "preimage": ran(success(0.9975, 0.981, 0.94), seconds=2.87, closed_form=True),
            "ridge": ran(success(0.941, 0.887, 0.92), learned=True),
            "gan": ran(
                pictures, folds=1, yields="samples", learned=True, seconds=183.4, queries=1600
            ),
            "decode": stopped("skipped", "the scheme stores no helper data that could be decoded"),
        },
        "rendered": {"preimage": rendered(pictures | success(0.523, 0.448, 0.77, 80))},
        "best": {
            "metrics": counted(0.985, 0.969, 0.943),
            "chosen": dict.fromkeys(counted(0, 0, 0), ["preimage"] * 5),
        },
        "worst": {
            "metrics": counted(1.0, 0.993, 0.95),
            "folds": 5,
            "of": ["preimage", "gan"],
            "blind": {"rank1": value(0.037), "type1_at_fmr_1e-3": value(0.292)},
        },
        "guesses": {"rank1": tried(0.433), "type1_at_fmr_1e-3": tried(0.761)},
        "controls": {
            "unprotected_rendered": control(
                success(0.611, 0.5375, 0.8, 80), False, yields="samples", folds=1
            ),
            "random": control(success(0.021, 0.001, 0.79), True),
            "mean": control(success(0.0, 0.261, 0.88), True),
            "medoid": control(success(0.013, 0.183, 0.86), True),
            "nearest": control(success(0.017, 0.158, 0.84), False),
            "shuffled": control(success(0.019, 0.034, 0.81), True, derived=True),
            "mated_probe": control(success(0.989, 0.977, 0.96), False),
            "unprotected": control(success(0.9925, 1.0, 1.0), False),
            "mean_rendered": control(
                success(0.0, 0.237, 0.79, 80), True, yields="samples", folds=1
            ),
        },
        "properties": {
            "unlinkability": {
                "d_sys": {"value": 0.931, "bins": 100, "low": 0.043, "high": 0.974},
                "m_linkability": {"value": 0.872, "bins": 30, "low": 0.043, "high": 0.974},
            },
            "security": {
                "effective_dimension": 31.42,
                "operating_angle_degrees": 38.57,
                "cap_estimate_bits": 23.71,
            },
        },
        "cost": {
            "bytes_per_template": 150.0,
            "enrolments_per_s": 41873.0,
            "verifications_per_s": 81234567.0,
        },
        "flags": [
            {
                "flag": "under-trained",
                "text": "The learned attack gan does worse than the closed form preimage: "
                "it is under-trained, and its numbers understate the danger.",
            }
        ],
        "stats": {"seconds": {"embed": 3.12, "gan": 183.4, "mean": 0.001}, "queries": 1600},
        "environment": {
            "versions": {"python": "3.11.9", "numpy": "2.4.1"},
            "device": "cpu",
            "machine": "x86_64",
            "processor": "a processor",
            "threads": {"torch": 2, "training": 2},
            "commit": "1234567",
            "dirty": False,
        },
    }


def resisting(fnmr: float = 0.003) -> dict[str, Any]:
    """A scheme that no attack inverts better than a blind guess; recognition as given."""
    record = broken()
    attacks = {name: ran(success(0.02, 0.24, 0.8)) for name in ("dictionary", "preimage", "ridge")}
    return record | {
        "id": "77e1" * 4,
        "spec": record["spec"] | {"scheme": plugin("salted_hash")},
        "utility": recognition(0.002, fnmr, fnmr),
        "attacks": attacks,
        "rendered": {},
        "best": {
            "metrics": counted(0.018, 0.243, 0.8),
            "chosen": {key: ["ridge", "preimage", "ridge"] for key in counted(0, 0, 0)},
        },
        "worst": record["worst"] | {"metrics": counted(0.055, 0.39, 0.8), "of": [*attacks]},
        "flags": [],
    }


def answering(accuracy: float = 0.94, named: float = 0.72) -> dict[str, Any]:
    """A classifier whose answers are rounded; a generator gets ``named`` of the victims back."""
    record = broken()
    pictures = {
        "named": value(named, 87),
        "ssim": value(0.381, 87),
        "advantage_named": advantage(named - 0.011, 87),
    }
    guess, nothing = {"named": value(0.011, 87)}, {"named": value(0.0, 87)}
    return record | {
        "id": "a7e4131b70042c4f",
        "spec": record["spec"]
        | {
            "dataset": plugin("iris", people=60) | {"modality": "image", "sha256": "ab" * 32},
            "target": plugin("densenet", epochs=2) | {"sha256": "cd" * 32},
            "leak": plugin("outputs"),
            "scheme": plugin("round_scores", digits=2),
            "protocol": plugin("afm_iris") | {"numbers": {"folds": 1}},
            "attacks": [plugin("gan", steps=40)],
            "witness": plugin("resnet", epochs=2) | {"sha256": "ab" * 32},
        },
        "headline": {
            "utility": "accuracy",
            "scenario": "protected",
            "reference": "unprotected",
            "useless": 0.5,
            "success": ["named"],
            "accepted": "",
            "margin": 0.01,
            "scenarios": {"unprotected": "all scores", "protected": "as they leave"},
        },
        "utility": {
            "unprotected": {"accuracy": value(0.947, 87, 0.03)},
            "protected": {
                "accuracy": value(accuracy, 87, 0.03),
                "utility_loss": advantage(0.947 - accuracy, 87, 0.002),
            },
        },
        "chance": {"named": 1 / 60},
        "data": {
            "samples": 960,
            "subjects": 120,
            "stolen": 87,
            "dimension": 60,
            "not_found": None,
            "keyed": False,
        },
        "attacks": {
            "gan": ran(pictures, folds=1, yields="samples"),
            "dictionary": ran(guess, folds=1),
        },
        "rendered": {},
        "best": {
            "metrics": {"named": value(named - 0.004, 87)},
            "chosen": {"named": ["gan", "gan"]},
        },
        "worst": {
            "metrics": {"named": value(named, 87)},
            "folds": 1,
            "of": ["gan", "dictionary"],
            "blind": {"named": value(0.023, 87)},
        },
        "guesses": {"named": tried(0.31, 87)},
        "controls": {
            "random": control(nothing, True, folds=1),
            "mean": control(guess, True, folds=1),
            "unprotected": control({"named": value(0.947, 87)}, False, folds=1),
        },
        "properties": {},
        "cost": {"bytes_per_answer": 240.0},
        "flags": [],
    }


def observations(seed: int = 0, images: bool = True) -> Arrays:
    """Scores of 40 subjects, turns of guesses and, if asked for, pictures of six victims."""
    rng = np.random.default_rng(seed)
    out: Arrays = {}
    for name, rate in (("rank1", 0.433), ("type1_at_fmr_1e-3", 0.761)):
        out[f"guesses.{name}"] = turns(rate)
    a, b = np.triu_indices(400, 1)
    left, right = a // 10, b // 10
    for name, apart in (("unprotected", 3.0), ("own_key", 6), ("stolen_key", 2.5), ("renewed", 1)):
        mated = left == right
        noise = rng.normal(size=len(a)) * 0.09
        out[f"utility.{name}.score"] = (0.3 + noise + mated * apart * 0.13).astype(np.float32)
        out[f"utility.{name}.mated"] = mated
        out[f"utility.{name}.subject_a"], out[f"utility.{name}.subject_b"] = left, right
    if images:
        y, x = np.mgrid[-1:1:64j, -1:1:64j]
        rows = ("original", "nearest", "attack.gan", "rendered.preimage")
        for name in (*rows, "control.unprotected_rendered", "control.mean_rendered"):
            width = rng.uniform(0.4, 0.8, size=(6, 1, 1))
            face = 200 * np.exp(-((x / width) ** 2 + y**2)) + rng.integers(0, 40, (6, 64, 64))
            out[f"shown.{name}"] = face.astype(np.uint8)
        out["shown.subject"] = np.arange(6)
    return out


def answers(seed: int = 0) -> Arrays:
    """What a classifier's cell observes: whether it was right, and pictures of two victims."""
    rng = np.random.default_rng(seed)
    subject = np.arange(87) // 3
    out: Arrays = {}
    for name in ("unprotected", "protected"):
        out[f"utility.{name}.correct"] = rng.random(87) < 0.9
        out[f"utility.{name}.subject"] = subject
    correct = np.zeros(87)
    correct[[0, 4]] = 1  # the first reading of subject 0, the second of subject 1
    out["guesses.named"] = turns(0.31, 87)
    out |= {"attack.gan.subject": subject, "attack.gan.fold": 0 * subject}
    out["attack.gan.correct"] = correct
    for name in ("original", "attack.gan"):
        out[f"shown.{name}"] = rng.integers(0, 256, (4, 32, 32)).astype(np.uint8)
    return out | {"shown.subject": np.array([0, 0, 1, 1])}


def turns(rate: float, n: int = 400) -> np.ndarray[Any, Any]:
    """On which of 1,000 guesses each of n victims falls, so that that share of them does."""
    made = np.geomspace(1, 1000, round(rate * n)).round()
    return np.concatenate([made, np.full(n - len(made), np.inf)])


def judged(subject: Any, fold: Any, rank1: Any) -> Arrays:
    """Columns of a row of a leak of templates, of which only rank 1 matters here."""
    n = len(subject)
    rest = ("distance", "accept_score", "renewed_score", "purity", "purity_centred")
    made = {name: np.zeros(n) for name in rest}
    made |= {"subject": np.asarray(subject), "fold": np.asarray(fold)}
    return made | {"rank1": np.asarray(rank1, bool), "other_distance": np.zeros((n, 1))}


def row(source: str, columns: Arrays) -> Arrays:
    """Columns as the observations of a row."""
    return {f"{source}.{name}": values for name, values in columns.items()}
