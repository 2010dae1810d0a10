"""The rest of the inversion family: which cells stand behind which table, and how to read it."""

from __future__ import annotations

from typing import Any

from fowh.paper.published import PUBLISHED
from fowh.paper.rows import FLAGS, LIKE, Family, Row, cell, of, parts_with

SIGMAS = ("0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1")


ACCURACY = ("utility", "protected", "accuracy")
AT_1 = "member_at_fpr_1e-2"
DLG = "dlg"
ONCE, ABOVE = "dlg:restarts=1", "above 35 dB"
LATER = "gradients:batch=1,round=50"
QUIET, LOUDER = "dp_sgd:sigma=0.003", "dp_sgd:sigma=0.01"
MI = "mi_face"
ANALYTIC = "dlg:label=analytic"
ONE = "gradients:batch=1"
SHORT = "invert_gradients:steps=300,tv=0.1"
NAIVE = f"{SHORT},adaptive=False"
CONVNET = "convnet:norm=none"
INVERT = "invert_gradients"
THEN, AT_ROUND = "accuracy then", ("properties", "network", "accuracy_at_round")
LABELS = {"label": ("attacks", "label", "label"), "label, by lot": ("chance", "", "label")}
ONE_GUESS, CHOSEN = "one blind guess", "best, chosen elsewhere"
INFINITE = "PSNR is infinite, a dash, where a picture is equal to the byte."


def _geiping(name: str, target: str, leak: str, scheme: str = "plain", attack: str = INVERT) -> Row:
    return Row(name, cell(target, scheme, attack, leak=leak), of(attack, **_then(attack)))


def _then(attack: str) -> dict[str, tuple[str, str, str]]:
    return {THEN: AT_ROUND, "seconds": ("seconds", attack, "")}


def _defence(scheme: str) -> Row:
    beside = {name: at for name, at in of("first_layer").items() if at[0] == "controls"}
    shown = {
        "accuracy": ACCURACY,
        "epsilon": ("properties", "privacy", "epsilon"),
        "epsilon, models": ("properties", "privacy", "epsilon_models"),
        THEN: AT_ROUND,
        "naive ratio": ("attacks", "first_layer:estimate=ratio", "rank1"),
        "least squares": ("attacks", "first_layer:estimate=least_squares", "rank1"),
        "MAP, Gaussian": ("attacks", "first_layer", "rank1"),
        "generative, scheme's likelihood": ("attacks", "generative", "rank1"),
        CHOSEN: ("best", "metrics", "rank1"),
        ONE_GUESS: ("guesses", "rank1", "1"),
        "best blind (1,000)": ("guesses", "rank1", "1000"),
        "its PSNR": ("likeness", "rank1", "psnr"),
        "its SSIM": ("likeness", "rank1", "ssim"),
        "MAP's PSNR": ("attacks", "first_layer", "psnr"),
        "MAP's SSIM": ("attacks", "first_layer", "ssim"),
        "generative's PSNR": ("attacks", "generative", "psnr"),
        **beside,
        "label, sign of bias": ("attacks", "label:rule=bias", "label"),
        "label, matched filter": ("attacks", "label", "label"),
        "label, by lot": LABELS["label, by lot"],
        "informed look-up": ("attacks", "lookup", "rank1"),
        "look-up, the sample itself": ("attacks", "lookup", "copied"),
    }
    attacks = (
        *("first_layer:estimate=ratio", "first_layer:estimate=least_squares", "first_layer"),
        *("generative", "label:rule=bias", "label", "lookup"),
    )
    leak = "gradients:batch=1,round=20"
    return Row(
        scheme,
        cell("mlp", scheme, *attacks, leak=leak, threat={"candidates": 80}),
        shown,
    )


APART = {
    "Rank-1 of pictures": (
        *("naive ratio", "least squares", "MAP, Gaussian", "generative, scheme's likelihood"),
        *(CHOSEN, "another's update", "nothing stolen", ONE_GUESS),
    ),
    "Labels, and who holds a list": (
        *("label, sign of bias", "label, matched filter", "label, by lot"),
        *("informed look-up", "look-up, the sample itself"),
    ),
    "Likeness": (
        *(CHOSEN, "its PSNR", "its SSIM", "mean face", *LIKE),
        *("MAP, Gaussian", "MAP's PSNR", "MAP's SSIM", "generative's PSNR"),
    ),
    "Rank-1 of controls": (
        *("own picture", "mean face", "nearest own", "mated probe", "the truth"),
        "best blind (1,000)",
    ),
    "Price, and doubts of the record": ("accuracy", "epsilon", "epsilon, models", THEN, FLAGS),
}


def _exact(name: str, leak: str, scheme: str, attack: str, **threat: Any) -> Row:
    given = cell("mlp", scheme, attack, "label", leak=leak, threat=threat)
    return Row(name, given, of(attack, **LABELS))


def _planted(name: str, batch: int, attack: str, scheme: str = "plain") -> Row:
    return _exact(name, f"gradients:batch={batch}", scheme, attack, server="malicious")


TABLES: dict[str, Family] = {
    "exact": Family(
        "A fully connected first layer holds the pictures",
        PUBLISHED["exact"],
        (
            _exact("batch of 1", "gradients:batch=1", "plain", "first_layer"),
            _exact("batch of 32", "gradients:batch=32", "plain", "first_layer"),
            _exact("5 local steps on one", "gradients:batch=1,steps=5", "plain", "first_layer"),
            _planted("planted layer, batch of 64", 64, "imprint"),
            _planted("the same, one function, as published", 64, "imprint:functions=1"),
            _planted(
                "planted layer, 8 clients of 8 added", 8, "imprint", "secure_aggregation:clients=8"
            ),
        ),
        (
            "Controls are matched to the members of a batch as the attack's pictures are: random "
            "pictures of the attacker's own gain from that, the larger the batch.",
            INFINITE,
            "Where all that was stolen in a fold is in one update, another's is of people none of "
            "whom is a victim.",
            "Who takes part knows which classes are his own people's: of a large batch it is "
            "enough to name each of the others equally often. *Label, by lot* says how often that "
            "is right.",
        ),
        parts_with(*LABELS),
    ),
    "dlg": Family(
        "Deep leakage from gradients",
        PUBLISHED["dlg"],
        tuple(
            Row(
                name,
                cell(target, "plain", attack, leak=leak),
                of(attack, **{ABOVE: ("attacks", attack, "copied")}, **_then(attack)),
            )
            for name, target, leak, attack in (
                ("LeNet, weights U(-.5, .5)", "lenet:start=uniform", ONE, DLG),
                ("the same, label read off first", "lenet:start=uniform", ONE, ANALYTIC),
                ("LeNet, usual weights", "lenet", ONE, ONCE),
                ("LeNet after 200 rounds", "lenet", "gradients:batch=1,round=200", ONCE),
                ("LeNet U(-.5, .5), batch 4", "lenet:start=uniform", "gradients:batch=4", ONCE),
                ("convnet (ReLU)", CONVNET, ONE, ONCE),
            )
        ),
        (
            "Up to four starts in the first two rows, of what is not explained yet; one in the "
            "others. In double precision, each step shortened until the distance falls.",
            "Where the accuracy after 200 rounds is no better than before, the network does not "
            "learn: its rounds change little, and nobody would use what is exact here.",
            "Seconds are of all updates of the row.",
            INFINITE,
        ),
        parts_with(ABOVE, THEN, "seconds"),
    ),
    "geiping": Family(
        "Inverting gradients",
        PUBLISHED["geiping"],
        (
            _geiping("convnet, round 0", CONVNET, ONE),
            _geiping("convnet, round 50", CONVNET, LATER),
            _geiping("convnet, round 200", CONVNET, "gradients:batch=1,round=200"),
            _geiping(
                "batch norm in train mode, batch 4", "convnet:norm=train", "gradients:batch=4"
            ),
            _geiping("no batch norm, batch 4", CONVNET, "gradients:batch=4"),
            _geiping("batch norm in train mode, batch 1", "convnet:norm=train", ONE),
            _geiping("noise of .003, scheme ignored", CONVNET, ONE, QUIET, NAIVE),
            _geiping("noise of .003, by its likelihood", CONVNET, ONE, QUIET, SHORT),
            _geiping("noise of .01, scheme ignored", CONVNET, ONE, LOUDER, NAIVE),
            _geiping("noise of .01, by its likelihood", CONVNET, ONE, LOUDER, SHORT),
        ),
        (
            "Another's update of a batch is another batch, which may hold another photograph of "
            "the same person: those are named with it.",
            "How much total variation weighs is tried on updates of the attacker's own, but in the "
            "rows with noise, of which two of a kind differ in nothing but the distance. Seconds "
            "are of all updates of the row, trial included.",
        ),
        parts_with(THEN, "seconds"),
    ),
    "defences": Family(
        "Defences of updates, against attacks that know them and attacks that do not",
        PUBLISHED["defences"],
        tuple(
            _defence(scheme)
            for scheme in (
                "plain",
                "clip",
                *(f"dp_sgd:sigma={sigma}" for sigma in SIGMAS),
                *(
                    "laplace:scale=0.0001",
                    "top_k:share=0.1",
                    "top_k:share=0.01",
                    "quantise",
                    "sign",
                ),
                "chain:of=dp_sgd:sigma=0.1+top_k:share=0.1",
            )
        ),
        (
            "Naive ratio, least squares and MAP read a first layer, and know which coordinates "
            "were sent. MAP alone knows how far noise deviates, and takes it for Gaussian whatever "
            "it is; that signs are signs, and what bounds the unsent, none of them knows. "
            "Generative alone descends on the likelihood that the scheme states, within the span "
            "of the attacker's own faces. Who is informed counts in no best.",
            "*Epsilon, models* is against who sees the models of all rounds, no update; above 50 "
            "it is a loose bound, and where it is above the other, the other holds.",
            "Where no attack beats a blind guess, which one is chosen elsewhere is up to lots.",
            "Each row attacks another network: the one that its own scheme made in 20 rounds, "
            "whose accuracy then stands with the price. So rates need not fall row by row.",
            "A picture and a label are two things: where no attack makes a picture, the matched "
            "filter may still say whose update it is. The look-up's candidates hold other "
            "photographs of the victim too: Rank-1 counts them, *the sample itself* does not.",
            "Inverting gradients, which is in the suite, is no column: it takes minutes a row. Its "
            "own table has it under two noises.",
            INFINITE,
        ),
        APART,
    ),
    "fredrikson2015": Family(
        "Class prototypes of a classifier",
        PUBLISHED["fredrikson2015"],
        tuple(
            Row(
                name,
                cell(
                    target,
                    "full_scores",
                    attack,
                    leak="outputs",
                    protocol="federated",
                    threat={"box": "white"},
                ),
                {
                    "Rank-1, witness": ("attacks", attack, "transfer_rank1"),
                    "named by the target": ("attacks", attack, "named"),
                    "another's answer": ("controls", "shuffled", "transfer_rank1"),
                    "own picture": ("controls", "random_image", "transfer_rank1"),
                    "mean face": ("controls", "mean_image", "transfer_rank1"),
                    "the truth": ("controls", "unprotected", "transfer_rank1"),
                    "SSIM": ("attacks", attack, "ssim"),
                    "mean face's SSIM": LIKE["mean face's SSIM"],
                },
            )
            for name, target, attack in (
                ("softmax, 32 px", "softmax", MI),
                ("softmax, 64 px", "softmax:side=64", MI),
                ("softmax, 64 px, smoothed", "softmax:side=64", "mi_face:process=denoise"),
                ("mlp, 64 px", "mlp:side=64", MI),
            )
        ),
    ),
    "membership": Family(
        "Who was in the training set",
        PUBLISHED["membership"],
        tuple(
            Row(
                name,
                cell("mlp", "full_scores", attack, leak="membership"),
                {
                    "TPR at FPR 1 %": ("attacks", attack, AT_1),
                    "chance": ("chance", "", AT_1),
                    "random stranger": ("controls", "random", AT_1),
                    "another's claim": ("controls", "shuffled", AT_1),
                    "TPR at FPR 0.1 %": ("attacks", attack, "member_at_fpr_1e-3"),
                    "ROC area": ("attacks", attack, "member_auc"),
                    "another's area": ("controls", "shuffled", "member_auc"),
                    "members": ("count", attack, "member_auc"),
                    "accuracy": ACCURACY,
                    "seconds": ("seconds", attack, ""),
                },
            )
            for name, attack in (
                ("loss threshold", "membership"),
                ("LiRA", "lira"),
                ("LiRA, offline", "lira:variant=offline"),
            )
        ),
        (
            "False alarms are counted among the candidates of all folds that were not learned "
            "from, as many as members. A dash at FPR 0.1 %: they are fewer than 1,000, so that not "
            "one false alarm is allowed and the column would repeat a stricter threshold.",
            "Chance is an average. The threshold rests on few false alarms: how far a score drawn "
            "by lot strays from it is more than the intervals say, which are of members.",
            "*Random stranger* puts the answer to another person's sample in place of the "
            "candidate's; *another's claim* is what the attack of the row says of a candidate of "
            "another victim. Both know nothing of the candidate.",
        ),
    ),
}
