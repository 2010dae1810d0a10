"""The contract of a leak, deployed on a small world with the scheme that protects nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fowh.checks import contract, world
from fowh.checks.contract import Broken, Claims, Finding, ensure
from fowh.checks.leaking import Case
from fowh.core.errors import InputError
from fowh.core.leak import Leak, Setting, System
from fowh.core.registry import describe, load
from fowh.core.target import Target
from fowh.core.threat import Threat
from fowh.metrics import BY_NAME, learn

claims = Claims()


def check(leak: Leak) -> Iterator[Finding]:
    """Run every check that applies."""
    return claims.run(Case(leak))


@claims
def _declared(case: Case) -> str:
    """Its reference scheme, its attacks and its metrics are there."""
    leak, name = case.leak, describe(case.leak, "leak")["name"]
    protects, wanted = case.reference.protects, leak.guarded or name
    ensure(protects == wanted, f"{leak.reference} protects {protects!r}, not {wanted!r}")
    for attack in leak.suite:
        load("attack", attack)
    ensure(leak.suite, "it has no standard suite of attacks")
    measured = (leak.headline.utility, *leak.headline.success, leak.headline.accepted)
    learn(leak.metrics)
    unknown = [each for each in measured if each and each not in BY_NAME]
    ensure(not unknown, f"{', '.join(unknown)}: not in the table of metrics, nobody reports it")
    return f"{leak.reference}; {', '.join(leak.suite)}"


@claims
def _aligned(case: Case) -> str:
    """What leaves are the stolen rows, with their keys."""
    system, count = case.system, len(case.fold.stolen)
    ensure(len(system.release) == count, f"{len(system.release)} rows of {count} stolen")
    keys = system.keys
    ensure(keys.shape == (count,) and keys.dtype == np.uint64, f"keys {keys.dtype} {keys.shape}")
    if case.leak.foreign:  # made of samples, by what the clients run
        return f"{count} rows, {system.release.bytes_each:.0f} bytes each"
    token = system.release.token
    ensure(token is None or np.array_equal(token, keys), "they carry other keys")
    made = system.scheme.release(case.truth, keys, world.fixed("again"))
    ensure(np.array_equal(made.code, system.release.code), "they are not those of the stolen rows")
    return f"{count} rows, {system.release.bytes_each:.0f} bytes each"


@claims
def _keys(case: Case) -> str | None:
    """Keys are one for each subject or one for all, as the threat says."""
    if not case.reference.keyed and len(np.unique(case.system.keys)) == 1:
        return None
    whose = world.subjects()[case.fold.stolen]
    for policy, expected in (("subject", len(np.unique(whose))), ("shared", 1)):
        keys = case.deploy(threat=Threat(keys=policy)).keys  # type: ignore[arg-type]
        ensure(len(np.unique(keys)) == expected, f"{policy}: {len(np.unique(keys))} keys")
    return "per subject, and shared"


@claims
def _truth(case: Case) -> str:
    """The truth itself is got back; strangers and garbage are not."""
    if case.leak.claims:
        member = np.isin(case.fold.stolen, case.learned).astype(np.float64)
        right, wrong, same = (case.claimed(each) for each in (member, 1 - member, 0 * member))
        ensure(right > 0.9, f"the truth, claimed, is {right:.2f}")
        ensure(max(wrong, same) < 0.1, f"its contrary is {wrong:.2f}, one claim of all {same:.2f}")
        return f"claimed: {right:.2f}, its contrary {wrong:.2f}"
    most, shape = case.leak.headline.success[0], case.truth.shape
    noise = np.random.default_rng(4).standard_normal(shape, dtype=np.float32)
    truth, others = case.wanted(case.truth), case.wanted(case.strangers)
    ensure(truth > 0.9, f"{most} of the stolen rows' own values is {truth:.2f}")
    ensure(others < 0.1, f"{most} of another victim's values is {others:.2f}")
    mixed, own = case.strangers, np.arange(len(case.truth)) % 3 == 0
    mixed[own] = case.truth[own]
    ensure(np.array_equal(case.successes(mixed)[most] > 0.5, own), "other rows than those got back")
    for name, made in (("zeros", np.zeros(shape, dtype=np.float32)), ("noise", noise)):
        found = case.wanted(made)
        ensure(found <= 0.5, f"{most} of {name} is {found:.2f}")
    return f"{most}: {truth:.2f}, of strangers {others:.2f}"


@claims
def _judged(case: Case) -> str:
    """Every reconstruction is judged, by numbers."""
    made, count = case.truth, len(case.fold.stolen)
    columns, terms = case.system.judge(made), case.system.terms
    ensure(np.array_equal(made, case.truth), "judging changes the reconstructions")
    for name, column in {**columns, **terms}.items():
        ensure(len(column) == count, f"{name}: {len(column)} values of {count} rows")
    for part in case.leak.pooled([columns, columns]):
        for name, column in columns.items():
            same = np.array_equal(part.get(name, ()), column, equal_nan=column.dtype.kind == "f")
            ensure(same, f"pooling folds changes {name}")
    found = case.successes(case.truth)
    for name, column in found.items():
        fits = column.shape == (count,) and column.dtype == np.float64
        ensure(fits, f"{name}: {column.dtype} {column.shape}, not float64 (n,)")
        low, high = BY_NAME[name].limits
        seen = column[~np.isnan(column)]
        ensure(((low - 1e-6 <= seen) & (seen <= high + 1e-6)).all(), f"{name}: out of its limits")
    wanted = {*case.leak.headline.success, case.leak.headline.accepted} - {""}
    missing = wanted - set(found)
    ensure(not missing, f"{', '.join(missing)} is in the headline and not measured")
    return ", ".join(found)


@claims
def _says(case: Case) -> str:
    """Whoever asks is told as many numbers as the target said."""
    values, says = case.values, case.system.says()
    told = says(values)
    ensure(np.array_equal(values, case.values), "it changes what the target said")
    ensure(told.shape == values.shape and told.dtype == np.float32, f"{told.dtype} {told.shape}")
    ensure(
        not contract.leads_to(says, System, Setting),
        "whoever asks finds the system behind the answer",
    )
    return f"{told.shape[1]} numbers"


@claims
def _utility(case: Case) -> str:
    """How well the system does its job is observed by scenario, row by row."""
    headline, found = case.leak.headline, case.system.utility()
    for scenario in (headline.scenario, headline.reference):
        ensure(scenario in found, f"no scenario {scenario!r}, which the headline reads")
        ensure(scenario in case.leak.scenarios, f"tables have no word for {scenario!r}")
    for scenario, columns in found.items():
        lengths = {len(column) for column in columns.values()}
        ensure(len(lengths) == 1 and min(lengths) > 0, f"{scenario}: columns of {lengths} rows")
    return ", ".join(found)


@claims
def _summary(case: Case) -> str:
    """What a record says is JSON, with an interval to every headline."""
    made, headline = case.summary, case.leak.headline
    parts = {"utility", "chance", "data", "cost", "properties"}
    ensure(set(made) == parts, f"it has {', '.join(made)}; expected {', '.join(sorted(parts))}")
    contract.ensure_json(made)
    alien = set(made["chance"]) - {*headline.success, *(m.name for m in case.leak.metrics)}
    ensure(not alien, f"chance of {', '.join(sorted(alien))}, which is no success of the headline")
    ensure(all(0 <= rate <= 1 for rate in made["chance"].values()), "chance is no rate")
    seen = []
    for scenario in (headline.reference, headline.scenario):
        found = made["utility"].get(scenario, {})
        value = found.get(headline.utility) or found.get(headline.decided)
        ensure(isinstance(value, dict), f"{scenario} has no {headline.utility}")
        missing = {"value", "ci_low", "ci_high", "n"} - set(value)
        ensure(not missing, f"{headline.utility} has no {', '.join(sorted(missing))}")
        seen.append(value["value"])
    ensure(abs(seen[0] - seen[1]) < 0.05, f"the reference scheme costs utility: {seen}")
    return f"{headline.utility} {seen[0]:.3g} and, through the reference scheme, {seen[1]:.3g}"


@claims
def _repeatable(case: Case) -> str:
    """The same randomness gives the same system."""
    one, two = case.deploy(), case.deploy()
    ensure(np.array_equal(one.keys, two.keys), "other keys")
    ensure(np.array_equal(one.release.code, two.release.code), "other rows leave")
    pairs = [(one.judge(case.truth), two.judge(case.truth))]
    pairs += [(left, two.utility()[name]) for name, left in one.utility().items()]
    for left, right in pairs:
        for name, column in left.items():
            same = np.array_equal(column, right[name], equal_nan=column.dtype.kind == "f")
            ensure(same, f"{name} differs")
    return "keys, rows, judgement, utility"


@claims
def _strange(case: Case) -> str:
    """A scheme that protects something else is refused in one line."""
    try:
        case.deploy(world.Stranger())
    except InputError as error:
        contract.one_line(error, "deploy")
        return str(error)
    except Exception as error:
        raise Broken(f"{type(error).__name__}, not InputError") from error
    raise Broken("it deploys a scheme that protects nothing it knows")


@claims
def _observed(case: Case) -> str:
    """What it observes of a target is a target, or it says why not."""
    try:
        found = case.leak.observed(world.Deaf())
    except InputError as error:
        contract.one_line(error, "observed")
        return f"refused: {error}"
    ensure(isinstance(found, Target), f"{type(found).__name__} is no target")
    return "the target itself" if isinstance(found, world.Deaf) else type(found).__name__


@claims
def _parameters(case: Case) -> str:
    """Parameters survive the command line."""
    return contract.parameters_survive_the_command_line(case.leak, "leak")
