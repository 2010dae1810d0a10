"""The rest of the inversion family: which cells stand behind which table, and what was published.

Sources are named with each table. They used other pictures and no recogniser, so that none of their
numbers stands in a row of ours: compare which rows are high and which are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SIGMAS = ("0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1")


@dataclass(frozen=True)
class Row:
    """One row: a cell, and the rows of its record that are shown.

    Attributes:
        name: what the table calls it.
        cell: arguments of ``make_cell`` as texts; "threat" is a mapping of axes.
        shown: by column, which (section, row, metric) of the record; a section of "utility" has
            (section, scenario, metric), one of "properties" (section, part, name).
    """

    name: str
    cell: Mapping[str, Any]
    shown: Mapping[str, tuple[str, str, str]]


@dataclass(frozen=True)
class Family:
    """A table.

    Attributes:
        title: of the table.
        source: of what was published.
        rows: in order.
        reading: what to keep in mind, in sentences.
    """

    title: str
    source: str
    rows: tuple[Row, ...]
    reading: tuple[str, ...] = field(default=())


def _cell(
    target: str, scheme: str, *attacks: str, leak: str = "gradients:batch=1", **more: Any
) -> Any:
    return {
        "target": target,
        "scheme": scheme,
        "attacks": attacks,
        "leak": leak,
        "witness": "dlib",
        **more,
    }


def _of(attack: str, **also: tuple[str, str, str]) -> dict[str, tuple[str, str, str]]:
    return {
        "Rank-1": ("attacks", attack, "rank1"),
        "PSNR": ("attacks", attack, "psnr"),
        "SSIM": ("attacks", attack, "ssim"),
        **also,
        "another's update": ("controls", "shuffled", "rank1"),
        "nothing stolen": ("controls", "prior", "rank1"),
    }


def _copied(attack: str) -> dict[str, tuple[str, str, str]]:
    return _of(attack, **{"above 35 dB": ("attacks", attack, "copied")})


ACCURACY = ("utility", "protected", "accuracy")
DLG = "dlg"
CONVNET = "convnet:norm=none"
INVERT = "invert_gradients"


def _geiping(name: str, target: str, leak: str) -> Row:
    at = {"accuracy then": ("properties", "network", "accuracy_at_round")}
    return Row(name, _cell(target, "plain", INVERT, leak=leak), _of(INVERT, **at))


def _defence(scheme: str) -> Row:
    adaptive = {
        "accuracy": ACCURACY,
        "epsilon": ("properties", "privacy", "epsilon"),
        "naive ratio": ("attacks", "first_layer:estimate=ratio", "rank1"),
        "least squares": ("attacks", "first_layer:estimate=least_squares", "rank1"),
        "MAP": ("attacks", "first_layer", "rank1"),
        "label, sign of bias": ("attacks", "label:rule=bias", "label"),
        "label, matched filter": ("attacks", "label", "label"),
        "informed look-up": ("attacks", "lookup", "rank1"),
        "best blind (1,000)": ("guesses", "rank1", "1000"),
    }
    attacks = (
        *("first_layer:estimate=ratio", "first_layer:estimate=least_squares", "first_layer"),
        *("label:rule=bias", "label", "lookup"),
    )
    leak = "gradients:batch=1,round=20"
    return Row(
        scheme,
        _cell("mlp", scheme, *attacks, leak=leak, threat={"candidates": 80}),
        adaptive,
    )


def _exact(name: str, leak: str, scheme: str, attack: str, **threat: Any) -> Row:
    shown = {
        **_of(attack),
        "random own pictures": ("controls", "random_image", "rank1"),
        "label": ("attacks", "label", "label"),
    }
    return Row(name, _cell("mlp", scheme, attack, "label", leak=leak, threat=threat), shown)


TABLES: dict[str, Family] = {
    "exact": Family(
        "A fully connected first layer holds the pictures",
        "Phong et al. (2018); Geiping et al. (2020), proposition 3.1; Fowl et al. (2022), "
        "arXiv 2110.13057.",
        (
            _exact("batch of 1", "gradients:batch=1", "plain", "first_layer"),
            _exact("batch of 32", "gradients:batch=32", "plain", "first_layer"),
            _exact(
                "planted layer, batch of 64",
                "gradients:batch=64",
                "plain",
                "imprint",
                server="malicious",
            ),
            _exact(
                "planted layer, 8 clients of 8 added",
                "gradients:batch=8",
                "secure_aggregation:clients=8",
                "imprint",
                server="malicious",
            ),
        ),
        (
            "Controls are matched to the members of a batch as the attack's pictures are: random "
            "pictures of the attacker's own gain from that, the larger the batch.",
            "PSNR is infinite, a dash, where a picture is equal to the byte.",
        ),
    ),
    "dlg": Family(
        "Deep leakage from gradients",
        "Zhu, Liu and Han (2019), arXiv 1906.08935: pixel-wise accurate for batches of one.",
        tuple(
            Row(name, _cell(target, "plain", DLG, leak=leak), _copied(DLG))
            for name, target, leak in (
                ("LeNet, weights U(-.5, .5)", "lenet:start=uniform", "gradients:batch=1"),
                ("LeNet, usual weights", "lenet", "gradients:batch=1"),
                ("LeNet after 50 rounds", "lenet", "gradients:batch=1,round=50"),
                ("LeNet U(-.5, .5), batch 4", "lenet:start=uniform", "gradients:batch=4"),
                ("convnet (ReLU)", CONVNET, "gradients:batch=1"),
            )
        ),
    ),
    "geiping": Family(
        "Inverting gradients",
        "Geiping et al. (2020), arXiv 2003.14053, CIFAR-10.",
        (
            _geiping("convnet, round 0", CONVNET, "gradients:batch=1"),
            _geiping("convnet, round 50", CONVNET, "gradients:batch=1,round=50"),
            _geiping("convnet, round 200", CONVNET, "gradients:batch=1,round=200"),
            _geiping(
                "batch norm in train mode, batch 4", "convnet:norm=train", "gradients:batch=4"
            ),
            _geiping("no batch norm, batch 4", CONVNET, "gradients:batch=4"),
        ),
    ),
    "defences": Family(
        "Defences of updates, each with an attack that knows it",
        "ours; epsilon by Opacus' accountant, 200 rounds, sampling .1, delta 1 in 2,800.",
        tuple(
            _defence(scheme)
            for scheme in (
                "plain",
                "clip",
                *(f"dp_sgd:sigma={sigma}" for sigma in SIGMAS),
                *("top_k:share=0.1", "top_k:share=0.01", "quantise", "sign"),
                "chain:of=dp_sgd:sigma=0.1+top_k:share=0.1",
            )
        ),
        (
            "A picture and a label are two things: where no attack makes a picture, the matched "
            "filter may still say whose update it is.",
        ),
    ),
    "fredrikson2015": Family(
        "Class prototypes of a classifier",
        "Fredrikson, Jha and Ristenpart (2015), CCS, sec. 5: people on Mechanical Turk matched the "
        "prototypes to photographs, another question than a recogniser's Rank-1.",
        tuple(
            Row(
                name,
                _cell(
                    target,
                    "full_scores",
                    "mi_face",
                    leak="outputs",
                    protocol="federated",
                    threat={"box": "white"},
                ),
                {
                    "Rank-1, witness": ("attacks", "mi_face", "transfer_rank1"),
                    "named by the target": ("attacks", "mi_face", "named"),
                    "another's answer": ("controls", "shuffled", "transfer_rank1"),
                    "SSIM": ("attacks", "mi_face", "ssim"),
                },
            )
            for name, target in (
                ("softmax, 32 px", "softmax"),
                ("softmax, 64 px", "softmax:side=64"),
            )
        ),
    ),
    "membership": Family(
        "Who was in the training set",
        "Carlini et al. (2022), arXiv 2112.03570: LiRA far above the loss threshold at low FPR.",
        tuple(
            Row(
                name,
                _cell("mlp", "full_scores", attack, leak="membership"),
                {
                    "TPR at FPR 1 %": ("attacks", attack, "member_at_fpr_1e-2"),
                    "TPR at FPR 0.1 %": ("attacks", attack, "member_at_fpr_1e-3"),
                    "ROC area": ("attacks", attack, "member_auc"),
                    "accuracy": ACCURACY,
                },
            )
            for name, attack in (("loss threshold", "membership"), ("LiRA", "lira"))
        ),
    ),
}
