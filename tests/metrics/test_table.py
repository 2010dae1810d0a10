import subprocess
import sys

from fowh.metrics import BUILT_IN, BY_NAME, METRICS


def test_names_are_unique_and_limits_ordered():
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert len({metric.label for metric in METRICS}) == len(names)
    assert all(metric.limits[0] < metric.limits[1] for metric in METRICS)


def test_table_holds_every_measure():
    assert {metric.name for metric in METRICS} >= {
        *("fnmr_at_fmr_1e-2", "fnmr_at_fmr_1e-3", "eer"),
        *("rank1", "purity", "purity_centred", "ssim", "psnr", "d_sys", "m_linkability"),
        *(
            f"{name}_at_fmr_{fmr}"
            for name in ("type1", "type2", "accept", "accept_renewed")
            for fmr in ("1e-2", "1e-3")
        ),
        *("cap_estimate_bits", "guessing_bits", "effective_dimension"),
        *("accuracy", "named", "realism", "transfer_rank1", "utility_loss"),
        *(f"{name}_within_{k}" for name in ("rank1", "named") for k in (2, 10)),
    }
    assert {name: metric.name for name, metric in BY_NAME.items()} == {m: m for m in BY_NAME}
    assert {metric.name for metric in METRICS} == BUILT_IN  # plug-ins may bring more
    assert len(BUILT_IN) == len(METRICS)


def test_what_harms_the_scheme():
    direction = {metric.name: metric.attacker_prefers for metric in METRICS}
    assert direction["rank1"] == direction["eer"] == direction["d_sys"] == "higher"
    assert direction["cap_estimate_bits"] == direction["guessing_bits"] == "lower"
    assert direction["accuracy"] == "lower"  # the less a protected system is good for
    assert direction["named"] == "higher"


def test_what_kind_of_number_each_is():
    role = {metric.name: metric.role for metric in METRICS}
    assert {name for name, kind in role.items() if kind == "utility"} == {
        *(
            "fnmr_at_fmr_1e-2",
            "fnmr_at_fmr_1e-3",
            "eer",
            "fnmr",
            "fmr",
            "decision_error",
            "accuracy",
            "utility_loss",
        )
    }
    assert {name for name, kind in role.items() if kind == "likeness"} == {
        *("ssim", "psnr", "copied", "realism")  # none of them says whose a sample is
    }
    assert role["rank1"] == role["named"] == role["transfer_rank1"] == "success"
    assert role["d_sys"] == role["cap_estimate_bits"] == "cost"


def test_goals_take_a_percentage_and_columns_have_two_lines():
    assert BY_NAME["rank1"].goal.format(12) == "identifies 12 % of the victims at rank 1"
    for metric in METRICS:
        assert metric.goal.count("{}") == (1 if metric.goal else 0), metric.name
        assert len(metric.heading) == 2 and max(map(len, metric.heading)) <= 12, metric.name


def test_importing_every_metric_loads_numpy_only():
    modules = "recognition, inversion, unlinkability, security, image, intervals"
    code = (
        f"import sys; from fowh.metrics import {modules}; "
        "print([m for m in ('scipy', 'skimage', 'sklearn', 'torch') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
