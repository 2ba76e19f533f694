"""Units to a read-out: the sizes of the groups first, then every outcome of every arm against the control."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from retention.errors import SpecError
from retention.experiments.model_moments import (
    NOTHING,
    Contrast,
    Moments,
    adjusted,
    contrast,
    group_interval,
    is_enough,
)
from retention.experiments.model_sequential import always_valid_p, reach_of
from retention.experiments.model_stay import corrected, stay_of
from retention.experiments.readout import (
    AS_MEASURED,
    BOTH,
    BREAKDOWN_COLUMNS,
    COST_COLUMNS,
    CUPED,
    DO_NOT_READ,
    EFFECT_COLUMNS,
    GROUP_COLUMNS,
    PATH_COLUMNS,
    SPREAD_COLUMNS,
    WINSORISED,
    RatioCheck,
    Readout,
    Stay,
)
from retention.experiments.spec import ReadSpec
from retention.experiments.units import Durations, Floats, Ints, Outcome, Units

MOST_VALUES = 12
"""Values of a breakdown that are shown; the smaller ones are read together."""
OTHER = "(other)"
UNKNOWN = "(unknown)"
FEW = 20
"""A value with fewer units in a group than this has no comparison."""


def read_units(units: Units, spec: ReadSpec | None = None) -> Readout:
    """Read an experiment from its units.

    Parameters
    ----------
    units : Units
        Mature ones, in the group that they were drawn into, whatever was done with them afterwards (intention to treat).
    spec : ReadSpec, optional

    Raises
    ------
    SpecError
        If there is no unit, or a group has none.

    Notes
    -----
    The p-values as measured are corrected over all arms and outcomes, those of the breakdowns over all values, arms and
    outcomes (Benjamini–Hochberg): a comparison says "higher" or "lower" only where its interval leaves 0 out *and* the
    corrected p is at most `alpha`. CUPED and winsorised readings stand beside it and decide nothing, so that nobody can
    choose among four readings the one that pleases.

    References
    ----------
    Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate. JRSS B 57.
    """
    spec = spec or ReadSpec()
    _check(units)
    ratio = ratio_check(units)
    notes = list(units.notes)
    for outcome in units.outcomes:
        if n := int(np.isnan(outcome.values).sum()):
            notes.append(f'{n:,} units have no known "{outcome.metric}" and are in no figure of it.')
    sums = {o.metric: Moments.of(o.values, units.group, len(units.groups), o.before) for o in units.outcomes}
    path = _path(units, spec)
    effects = _with_verdicts(_effects(units, sums, spec, path), spec, ratio, AS_MEASURED)
    breakdowns = _breakdowns(units, spec, ratio)
    return Readout(
        spec=spec,
        groups=units.groups,
        sizes=units.sizes,
        n_immature=units.n_immature,
        ratio=ratio,
        by_group=_by_group(units, sums, spec),
        effects=effects,
        breakdowns=breakdowns,
        spreads=_spreads(breakdowns),
        path=path,
        costs=_costs(units, effects),
        stay=None if units.durations is None else _stay(units, units.durations, spec, ratio),
        notes=tuple(notes),
    )


def _stay(units: Units, durations: Durations, spec: ReadSpec, ratio: RatioCheck) -> Stay:
    found = stay_of(units, durations, spec.alpha)
    return replace(found, effects=found.effects.assign(says=DO_NOT_READ)) if ratio.is_mismatch else found


def _check(units: Units) -> None:
    if not units.n_units:
        waiting = f"; the windows of {units.n_immature:,} have not passed" if units.n_immature else ""
        raise SpecError(
            f"There is no unit whose outcome is known{waiting}.",
            hint="Wait until the window of the first units has passed.",
        )
    empty = [name for name, n in zip(units.groups, units.sizes, strict=True) if not n]
    if empty:
        raise SpecError(
            f'The group "{empty[0]}" has no unit whose outcome is known.',
            hint="Without users in both groups there is nothing to compare.",
        )
    if not units.outcomes and units.durations is None:
        raise SpecError("At least one outcome must be named.")


# The sizes ------------------------------------------------------------------------------------------


def ratio_check(units: Units) -> RatioCheck:
    """Compare the sizes of the groups with those that were meant.

    Notes
    -----
    Pearson's chi-square with one degree of freedom less than there are groups. A p below .01 is a mismatch: others use
    .0005 to .01; a false alarm costs a look at how the file was made, a broken split overlooked costs a wrong decision.

    References
    ----------
    Fabijan, A. et al. (2019). Diagnosing sample ratio mismatch in online controlled experiments. KDD.
    """
    from scipy.special import chdtrc

    n = np.array(units.sizes, dtype=float)
    shares = np.array(units.expected_shares or [1.0] * len(n))
    shares = shares / shares.sum()
    expected = n.sum() * shares
    statistic = float(((n - expected) ** 2 / expected).sum())
    table = pd.DataFrame(
        {
            "group": units.groups,
            "n": n.astype(np.int64),
            "share": n / n.sum(),
            "expected_n": expected,
            "expected_share": shares,
        }
    )
    return RatioCheck(table, statistic, float(chdtrc(len(n) - 1, statistic)), units.expected_shares is None)


# Every outcome --------------------------------------------------------------------------------------


def _by_group(units: Units, sums: dict[str, Moments], spec: ReadSpec) -> pd.DataFrame:
    rows = []
    for outcome in units.outcomes:
        m = sums[outcome.metric]
        low, high = group_interval(m, outcome.kind, spec.alpha)
        for i, name in enumerate(units.groups):
            total = float(m.mean[i] * m.n[i]) if m.n[i] else 0.0
            rows.append((outcome.metric, outcome.kind, name, int(m.n[i]), total, m.mean[i], low[i], high[i]))
    return pd.DataFrame(rows, columns=list(GROUP_COLUMNS))


def winsor_cap(values: Floats, quantile: float) -> float:
    """Return where amounts are cut: the quantile of the amounts other than zero; infinite where nothing is cut.

    Notes
    -----
    Of all values the 99 % quantile is 0 where fewer than one in a hundred buys, and cutting there would cut everything.
    One cut for all groups, found from all of them together, so that it favours none.
    """
    amounts = values[(values != 0) & ~np.isnan(values)]
    if quantile >= 1 or not len(amounts):
        return float("inf")
    cap = float(np.quantile(amounts, quantile))
    return cap if cap > 0 and cap < amounts.max() else float("inf")


def _views(
    outcome: Outcome, units: Units, plain: Moments, spec: ReadSpec
) -> Iterator[tuple[str, Moments, bool, float]]:
    """Give the moments under which an outcome is read: the name of the view, whether it is adjusted, where it is cut."""
    has_before = outcome.before is not None
    yield AS_MEASURED, plain, False, float("nan")
    if has_before:
        yield CUPED, plain, True, float("nan")
    if outcome.kind == "rate":
        return
    cap = winsor_cap(outcome.values, spec.winsor)
    if cap < float("inf"):
        before = outcome.before
        if before is not None:
            before = np.minimum(before, winsor_cap(before, spec.winsor))
        cut = Moments.of(np.minimum(outcome.values, cap), units.group, len(units.groups), before)
        yield WINSORISED, cut, False, cap
        if has_before:
            yield BOTH, cut, True, cap


def _effects(units: Units, sums: dict[str, Moments], spec: ReadSpec, path: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for outcome in units.outcomes:
        for view, m, is_adjusted, cap in _views(outcome, units, sums[outcome.metric], spec):
            for place in range(1, len(units.groups)):
                control, arm, reduction = m.at(0), m.at(place), float("nan")
                if is_adjusted:
                    found = adjusted(control, arm)
                    if found is None:
                        continue
                    control, arm, reduction = found
                against = contrast(control, arm, outcome.kind, spec, is_adjusted=is_adjusted)
                row = _row(outcome, units.groups[place], view, control, arm, against)
                rows.append({**row, "variance_reduction": reduction, "cap": cap})
    frame = pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))
    if len(path):  # what was clear at an earlier look stays found: the smallest p of all looks is valid, too
        least = path.groupby(["metric", "arm"])["p"].min()
        for i in frame.index[frame["view"] == AS_MEASURED]:
            key = (frame.at[i, "metric"], frame.at[i, "arm"])
            if key in least.index:
                frame.at[i, "p"] = np.fmin(frame.at[i, "p"], least[key])
    return frame


def _row(outcome: Outcome, arm_name: str, view: str, control: Moments, arm: Moments, c: Contrast) -> dict[str, object]:
    return {
        "metric": outcome.metric, "kind": outcome.kind, "arm": arm_name, "view": view, "n_arm": int(arm.n),
        "n_control": int(control.n), "value_arm": float(arm.mean), "value_control": float(control.mean),
        "difference": c.difference, "standard_error": c.standard_error, "statistic": c.statistic, "low": c.low, "high": c.high,
        "relative": c.relative, "relative_low": c.relative_low, "relative_high": c.relative_high, "p": c.p, "p_adjusted": np.nan,
        "variance_reduction": np.nan, "cap": np.nan,
    }  # fmt: skip


def _with_verdicts(frame: pd.DataFrame, spec: ReadSpec, ratio: RatioCheck, view: str) -> pd.DataFrame:
    """Correct the p-values of the view that decides, and say what each comparison says."""
    decides = (frame["view"] == view).to_numpy()
    p = frame["p"].to_numpy(dtype=float)
    adjusted_p = np.full(len(frame), np.nan)
    adjusted_p[decides] = corrected(p[decides])
    counts = np.where(decides, adjusted_p, p)
    is_clear = np.nan_to_num(counts, nan=1.0) <= spec.alpha
    low, high = (frame[name].to_numpy(dtype=float) for name in ("low", "high"))
    says = np.where(is_clear & (low > 0), "higher", np.where(is_clear & (high < 0), "lower", "cannot tell"))
    if ratio.is_mismatch:
        says[:] = DO_NOT_READ
    return frame.assign(p_adjusted=adjusted_p, says=says.astype(object))


# Broken down ----------------------------------------------------------------------------------------


def _coded(values: np.ndarray) -> tuple[Ints, list[str]]:
    """Number the values of a breakdown, the most frequent first; the rest and the unknown come last."""
    codes, names = pd.factorize(pd.Series(values, dtype=object))
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = np.argsort(-counts, kind="stable")
    kept = order[: MOST_VALUES if len(names) > MOST_VALUES else len(names)]
    place = np.full(len(names) + 1, len(kept), dtype=np.int64)  # the last is for the code −1
    place[kept] = np.arange(len(kept))
    labels = [str(names[i]) for i in kept]
    if len(kept) < len(names):
        labels.append(OTHER)
    if (codes < 0).any():
        place[-1] = len(labels)
        labels.append(UNKNOWN)
    return place[codes], labels


def _breakdowns(units: Units, spec: ReadSpec, ratio: RatioCheck) -> pd.DataFrame:
    rows = []
    n_groups = len(units.groups)
    for by, values in units.breakdowns.items():
        codes, labels = _coded(values)
        for outcome in units.outcomes:
            m = Moments.of(outcome.values, codes * n_groups + units.group, len(labels) * n_groups)
            m = m.shaped(len(labels), n_groups)
            for i, label in enumerate(labels):
                for place in range(1, n_groups):
                    control, arm = m.at((i, 0)), m.at((i, place))
                    against = contrast(control, arm, outcome.kind, spec)
                    if min(float(control.n), float(arm.n)) < FEW:
                        against = NOTHING
                    rows.append(
                        {"by": by, "value": label}
                        | _row(outcome, units.groups[place], AS_MEASURED, control, arm, against)
                    )
    return _with_verdicts(pd.DataFrame(rows, columns=list(BREAKDOWN_COLUMNS)), spec, ratio, AS_MEASURED)


def _spreads(breakdowns: pd.DataFrame) -> pd.DataFrame:
    """Test of each breakdown whether the effect differs between its values.

    References
    ----------
    Cochran, W. G. (1954). The combination of estimates from different experiments. Biometrics 10.
    """
    from scipy.special import chdtrc

    rows = []
    for (by, metric, arm), part in breakdowns.groupby(["by", "metric", "arm"], sort=False):
        part = part[part["standard_error"] > 0]
        d, weight = part["difference"].to_numpy(dtype=float), part["standard_error"].to_numpy(dtype=float) ** -2.0
        if len(d) < 2:
            rows.append((by, metric, arm, len(d), np.nan, np.nan))
            continue
        q = float((weight * (d - (weight * d).sum() / weight.sum()) ** 2).sum())
        rows.append((by, metric, arm, len(d), q, float(chdtrc(len(d) - 1, q))))
    return pd.DataFrame(rows, columns=list(SPREAD_COLUMNS))


# Day by day -----------------------------------------------------------------------------------------


def _path(units: Units, spec: ReadSpec) -> pd.DataFrame:
    """Say how each comparison stood on each day on which outcomes became known."""
    empty = pd.DataFrame(
        {name: pd.Series(dtype=object if name in ("metric", "arm") else float) for name in PATH_COLUMNS}
    )
    if spec.method != "sequential" or units.day is None:
        return empty
    first = int(units.day.min())
    n_days, n_groups = int(units.day.max()) - first + 1, len(units.groups)
    cell = units.group * n_days + (units.day - first)
    looks = np.flatnonzero(np.bincount(units.day - first, minlength=n_days))
    frames: list[pd.DataFrame] = []
    for outcome in units.outcomes:
        m = Moments.of(outcome.values, cell, n_groups * n_days).shaped(n_groups, n_days).cumulated()
        enough = is_enough(m, outcome.kind)
        for place in range(1, n_groups):
            frames.append(_looks(m, place, looks[(enough[0] & enough[place])[looks]], spec).assign(
                metric=outcome.metric, arm=units.groups[place]
            ))  # fmt: skip
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        return empty
    found = pd.concat(frames, ignore_index=True)
    found["day"] += first
    return found[list(PATH_COLUMNS)]


def _looks(m: Moments, place: int, looks: Sequence[int] | Ints, spec: ReadSpec) -> pd.DataFrame:
    n_arm, n_control = m.n[place, looks], m.n[0, looks]
    one, two = m.mean[place, looks], m.mean[0, looks]
    error = np.sqrt(m.error_square[place, looks] + m.error_square[0, looks])
    half = reach_of(n_arm + n_control, spec) * error
    p = np.minimum.accumulate(always_valid_p((one - two) / error, n_arm + n_control, spec)) if len(error) else error
    low, high = one - two - half, one - two + half
    return pd.DataFrame(
        {
            "day": np.asarray(looks, dtype=np.int64),
            "n_arm": n_arm.astype(np.int64),
            "n_control": n_control.astype(np.int64),
            "value_arm": one,
            "value_control": two,
            "difference": one - two,
            "low": low,
            "high": high,
            "p": p,
            "is_clear": (low > 0) | (high < 0),
        }
    )


# What it cost ---------------------------------------------------------------------------------------


def _costs(units: Units, effects: pd.DataFrame) -> pd.DataFrame:
    """Say what each extra unit, or each extra unit of money, cost.

    Notes
    -----
    Gained: the units of the arm times the difference. The cost of the control, for as many units, is taken off. The money
    is known, so that the interval of the cost is that of the difference turned over: without an upper end where "nothing
    gained" is within it.
    """
    rows = []
    if units.costs is not None:
        place = {name: i for i, name in enumerate(units.groups)}
        for row in effects[effects["view"] == AS_MEASURED].itertuples(index=False):
            i = place[row.arm]
            n = units.sizes[i]
            cost = units.costs[i] - units.costs[0] * n / units.sizes[0]
            extra, low, high = (n * value for value in (row.difference, row.low, row.high))
            per = [cost / v if v > 0 else np.nan for v in (extra, high, low)]
            rows.append((row.metric, row.kind, row.arm, cost, extra, low, high, *per))
    return pd.DataFrame(rows, columns=list(COST_COLUMNS))
