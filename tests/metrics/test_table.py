import subprocess
import sys

from fowh.metrics import METRICS


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
        *("cap_bound_bits", "guessing_bits", "effective_dimension"),
    }


def test_what_harms_the_scheme():
    direction = {metric.name: metric.attacker_prefers for metric in METRICS}
    assert direction["rank1"] == direction["eer"] == direction["d_sys"] == "higher"
    assert direction["cap_bound_bits"] == direction["guessing_bits"] == "lower"


def test_importing_every_metric_loads_numpy_only():
    modules = "recognition, inversion, unlinkability, security, image, intervals"
    code = (
        f"import sys; from fowh.metrics import {modules}; "
        "print([m for m in ('scipy', 'skimage', 'sklearn', 'torch') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
