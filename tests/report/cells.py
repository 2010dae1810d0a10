"""Fabricated records and observations, for tests and screenshots only: nothing was measured."""

from __future__ import annotations

from typing import Any

import numpy as np


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
    rest = {"yields": "embeddings", "folds": folds, "seconds": 3.21, "queries": 0, "reason": None}
    return {"status": "ok", **rest, "metrics": metrics, **more}


def recognition(clear: float, own: float, stolen: float) -> dict[str, Any]:
    """Three scenarios by their FNMR at FMR 1 %."""
    return {
        name: {
            "fnmr_at_fmr_1e-2": value(rate, 3600, 0.006),
            "fnmr_at_fmr_1e-3": value(min(1.0, rate * 1.4 + 0.012), 3600, 0.01),
            "eer": value(rate * 0.53 + 0.003, 3600, 0.003),
        }
        for name, rate in (("unprotected", clear), ("own_key", own), ("stolen_key", stolen))
    }


def broken() -> dict[str, Any]:
    """A scheme that recognises and falls, on photographs, with one attack skipped."""
    images = success(0.417, 0.302, 0.71) | {
        "ssim": value(0.431),
        "psnr": {"value": 14.27, "ci_low": 13.81, "ci_high": 14.73, "n": 400},
    }
    params = {"hashes": 300, "group": 16}
    return {
        "schema": 1,
        "id": "0f3a9c41d2e87b65",
        "status": "ok",
        "reason": None,
        "spec": {
            "dataset": {"name": "orl", "params": {}, "sha256": "ab" * 32},
            "target": {"name": "dlib", "params": {}, "sha256": "cd" * 32},
            "scheme": {"name": "iom", "params": params},
            "attacks": [
                {"name": "dictionary", "params": {}},
                {"name": "preimage", "params": {"steps": 200}},
                {"name": "gan", "params": {"incorporate": "rand", "steps": 2000}},
            ],
            "protocol": {"name": "standard", "folds": 5, "max_stolen": 400},
            "threat": {
                "keys": "subject",
                "leaked": True,
                "box": "black",
                "queries": 10_000,
            },
            "seed": 0,
        },
        "data": {"samples": 400, "subjects": 40, "dimension": 128, "not_found": 3},
        "recognition": recognition(0.002, 0.004, 0.011),
        "attacks": {
            "dictionary": ran(success(0.022, 0.161, 0.82), seconds=0.43),
            "preimage": ran(success(0.9975, 0.981, 0.94), seconds=2.87),
            "ridge": ran(success(0.941, 0.887, 0.92)),
            "gan": ran(images, folds=1, yields="images", seconds=183.4, queries=1600),
            "decode": {
                "status": "skipped",
                "reason": "the scheme stores no helper data that could be decoded",
                "metrics": {},
            },
        },
        "faces": {
            "preimage": ran(images | success(0.523, 0.448, 0.77, 80), folds=1, yields="images")
        },
        "worst": {"metrics": success(1.0, 0.993, 0.95), "folds": 5},
        "controls": {
            "random": {"metrics": success(0.021, 0.001, 0.79), "folds": 5},
            "mean": {"metrics": success(0.0, 0.261, 0.88), "folds": 5},
            "medoid": {"metrics": success(0.013, 0.183, 0.86), "folds": 5},
            "nearest": {"metrics": success(0.017, 0.158, 0.84), "folds": 5},
            "shuffled": {"metrics": success(0.019, 0.034, 0.81), "folds": 5},
            "mated_probe": {"metrics": success(0.989, 0.977, 0.96), "folds": 5},
            "unprotected": {"metrics": success(0.9925, 1.0, 1.0), "folds": 5},
            "mean_face": {"metrics": success(0.0, 0.237, 0.79, 80), "folds": 1},
            "unprotected_face": {"metrics": success(0.611, 0.5375, 0.8, 80), "folds": 1},
        },
        "unlinkability": {
            "d_sys": {"value": 0.931, "bins": 100, "low": 0.043, "high": 0.974},
            "m": {"value": 0.872, "bins": 30, "low": 0.043, "high": 0.974},
        },
        "security": {
            "effective_dimension": 31.42,
            "mated_angle_degrees": 38.57,
            "cap_bound_bits": 23.71,
        },
        "cost": {
            "bytes_per_template": 150.0,
            "enrolments_per_s": 41873.0,
            "verifications_per_s": 81234567.0,
        },
        "flags": [
            {
                "flag": "learned-below-closed-form",
                "text": "The learned attack gan does worse than the closed form preimage: "
                "it is under-trained, and its numbers understate the danger.",
            }
        ],
        "stats": {"seconds": {"embed": 3.12, "attack:gan": 183.4}, "queries": 1600},
        "environment": {
            "versions": {"python": "3.11.9", "numpy": "2.4.1"},
            "device": "cpu",
            "commit": "1234567",
            "dirty": False,
        },
    }


def resisting(fnmr: float = 0.003) -> dict[str, Any]:
    """A scheme that no attack inverts better than a blind guess; recognition as given."""
    record = broken()
    attacks = {name: ran(success(0.02, 0.24, 0.8)) for name in ("dictionary", "preimage", "ridge")}
    return record | {
        "id": "77e1",
        "spec": record["spec"] | {"scheme": {"name": "salted_hash", "params": {}}},
        "recognition": recognition(0.002, fnmr, fnmr),
        "attacks": attacks,
        "faces": {},
        "worst": {"metrics": success(0.055, 0.39, 0.8), "folds": 5},
        "flags": [],
    }


def observations(seed: int = 0, images: bool = True) -> dict[str, np.ndarray[Any, Any]]:
    """Scores of 40 subjects and, if asked for, pictures of six victims."""
    rng = np.random.default_rng(seed)
    out: dict[str, np.ndarray[Any, Any]] = {}
    a, b = np.triu_indices(400, 1)
    left, right = a // 10, b // 10
    for name, apart in (("unprotected", 3.0), ("own_key", 6), ("stolen_key", 2.5), ("renewed", 1)):
        mated = left == right
        noise = rng.normal(size=len(a)) * 0.09
        out[f"pairs.{name}.score"] = (0.3 + noise + mated * apart * 0.13).astype(np.float32)
        out[f"pairs.{name}.mated"] = mated
        out[f"pairs.{name}.subject_a"], out[f"pairs.{name}.subject_b"] = left, right
    if images:
        y, x = np.mgrid[-1:1:64j, -1:1:64j]
        for name in ("original", "nearest", "attack.gan", "face.preimage", "unprotected"):
            width = rng.uniform(0.4, 0.8, size=(6, 1, 1))
            face = 200 * np.exp(-((x / width) ** 2 + y**2)) + rng.integers(0, 40, (6, 64, 64))
            out[f"image.{name}"] = face.astype(np.uint8)
        out["image.subject"] = np.arange(6)
    return out
