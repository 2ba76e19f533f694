"""What is said of a read-out: whether it may be read, what was found, and what to keep in mind."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import pandas as pd

from retention.churn.words import amount
from retention.experiments.readout import AS_MEASURED, CUPED, DO_NOT_READ, WINSORISED, RatioCheck, Readout, Stay
from retention.experiments.spec import Kind, ReadSpec

MISMATCH_HINT = (
    "Look for the reason before anything else: units lost on the way in one group, some counted twice, another split than was"
    " meant. Until it is known, the difference may come from who is missing and not from what was done."
)
INTENTION_TO_TREAT = (
    "Every unit counts in the group it was drawn into, whatever was done with it afterwards (intention to treat); each only"
    " once its own window has passed."
)
METHOD_WORDS = {
    "fixed horizon": "fixed-horizon intervals: they hold for one look, at the end that was planned; looking every day and"
    " stopping when it suits finds effects that are not there",
    "sequential": "always-valid sequential intervals (confidence sequence from a normal mixture): they hold at every look, so"
    " that you may look daily and stop at any look; they are wider for that",
}


def percent(p: float) -> str:
    """Write a p-value as a chance.

    Examples
    --------
    >>> percent(0.0086), percent(0.9), percent(1e-12)
    ('0.86 %', '90 %', 'less than 0.01 %')
    """
    if p < 1e-4:
        return "less than 0.01 %"
    return f"{p * 100:.2g} %" if p < 0.0995 else f"{p * 100:.0f} %"


def p_words(p: float) -> str:
    """Write a p-value.

    Examples
    --------
    >>> p_words(0.00861), p_words(0.19), p_words(1e-12), p_words(float("nan"))
    ('p = 0.0086', 'p = 0.19', 'p < 0.0001', 'p not known')
    """
    if isnan(p):
        return "p not known"
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def level_words(spec: ReadSpec) -> str:
    """Write the level of the intervals.

    Examples
    --------
    >>> level_words(ReadSpec()), level_words(ReadSpec(alpha=0.1))
    ('95 %', '90 %')
    """
    return f"{(1 - spec.alpha) * 100:g} %"


def value_words(value: float, kind: Kind) -> str:
    """Write a rate or a mean.

    Examples
    --------
    >>> value_words(0.18276, "rate"), value_words(1.42262, "mean"), value_words(float("nan"), "rate")
    ('18.28 %', '1.42', '–')
    """
    if isnan(value):
        return "–"
    return f"{value * 100:.2f} %" if kind == "rate" else amount(value)


def signed(value: float, kind: Kind) -> str:
    """Write a difference with its sign: of rates in percentage points.

    Examples
    --------
    >>> signed(0.0766, "rate"), signed(-0.0082, "rate"), signed(0.7698, "mean"), signed(-1200.0, "mean")
    ('+7.66', '−0.82', '+0.77', '−1,200')
    """
    if isnan(value):
        return "–"
    text = f"{abs(value) * 100:.2f}" if kind == "rate" else amount(abs(value))
    return f"{'−' if value < 0 else '+'}{text}" if text.strip("0.,") else text


def difference_words(difference: float, low: float, high: float, kind: Kind) -> str:
    """Write a difference with its interval.

    Examples
    --------
    >>> difference_words(0.0766, 0.07, 0.0832, "rate")
    '+7.66 percentage points (+7.00 to +8.32)'
    >>> difference_words(0.0766, float("nan"), float("nan"), "rate")
    '+7.66 percentage points (too few units for an interval)'
    """
    unit = " percentage points" if kind == "rate" else ""
    within = "too few units for an interval" if isnan(low) else f"{signed(low, kind)} to {signed(high, kind)}"
    return f"{signed(difference, kind)}{unit} ({within})"


# The sizes ------------------------------------------------------------------------------------------


def ratio_words(ratio: RatioCheck) -> str:
    """Say whether the groups have the sizes that were meant."""
    sizes = ", ".join(f"{row.group} {row.n:,}" for row in ratio.table.itertuples())
    meant = " : ".join(f"{100 * row.expected_share:.3g}" for row in ratio.table.itertuples())
    whose = "equal shares (none were named)" if ratio.is_assumed else meant
    if ratio.is_mismatch:
        return (
            f"The groups are not the size that was meant: {sizes} against {whose} would come by chance with a probability of"
            f" only {percent(ratio.p)} ({p_words(ratio.p)}, sample-ratio check)."
        )
    return f"The groups have the size that was meant: {sizes} against {whose} ({p_words(ratio.p)}, sample-ratio check)."


# What was found -------------------------------------------------------------------------------------


def headline(readout: Readout) -> str:
    """Say in one sentence what the first outcome tells, or that nothing is to be read."""
    if readout.ratio.is_mismatch:
        return "Do not read the effects: the groups are not the size that was meant."
    found = readout.as_measured()
    if found.empty:
        return "" if readout.stay is None else stay_words(readout.stay)[0]
    return verdict_words(found.iloc[0], readout)


def verdicts(readout: Readout) -> list[str]:
    """Say of every outcome and arm what was found, in a sentence each."""
    return [verdict_words(row, readout) for _, row in readout.as_measured().iterrows()]


def verdict_words(row: pd.Series, readout: Readout) -> str:
    """Say what one comparison found."""
    kind: Kind = row["kind"]
    said = difference_words(row["difference"], row["low"], row["high"], kind)
    values = f"{value_words(row['value_arm'], kind)} against {value_words(row['value_control'], kind)}"
    where = f"{row['metric']}: {row['arm']} against {readout.control}"
    if readout.ratio.is_mismatch:
        return f"{where}: do not read. It would be {values}, {said}, but the groups are not the size that was meant."
    if row["says"] == "cannot tell":
        rest = _why_untold(row, kind, readout.spec.alpha)
        return f"{where}: cannot tell. {values[0].upper() + values[1:]}, {said}. {rest}"
    return f"{where}: {row['says']}. {values}, {said}, {level_words(readout.spec)} interval."


def _why_untold(row: pd.Series, kind: Kind, alpha: float) -> str:
    if isnan(row["low"]):
        return "There are too few units yet."
    if not row["low"] <= 0 <= row["high"]:
        if row["p"] <= alpha:
            return "Alone it would count as found; of several comparisons looked at together it may be the chance one."
        return (
            f"The interval leaves no effect just out and the test does not ({p_words(row['p'])}): it is on the border."
        )
    unit = " points" if kind == "rate" else ""
    bounds = f"{signed(row['low'], kind)} to {signed(row['high'], kind)}{unit}"
    return f"Anything from {bounds} fits these data, no effect at all among it."


def checks(readout: Readout) -> list[str]:
    """Say what the readings beside the plain one show: with chance taken out, and with large amounts cut."""
    said = []
    for metric in readout.metrics:
        for arm in readout.arms:
            found = readout.effects[(readout.effects["metric"] == metric) & (readout.effects["arm"] == arm)].set_index(
                "view"
            )
            if CUPED in found.index:
                row = found.loc[CUPED]
                said.append(
                    f"{metric}, {arm}: with what is known from before the exposure taken out (CUPED)"
                    f" {difference_words(row['difference'], row['low'], row['high'], row['kind'])};"
                    f" {max(row['variance_reduction'], 0) * 100:.0f} % of the variance is gone."
                )
            if WINSORISED in found.index:
                row, plain = found.loc[WINSORISED], found.loc[AS_MEASURED]
                differs = row["says"] != plain["says"] and not readout.ratio.is_mismatch
                said.append(
                    f"{metric}, {arm}: with amounts above {amount(row['cap'])} cut to it (winsorised)"
                    f" {difference_words(row['difference'], row['low'], row['high'], row['kind'])}."
                    + (" The result hangs on a few large amounts." if differs else "")
                )
    return said


def breakdown_words(readout: Readout) -> list[str]:
    """Say of each breakdown whether the effect differs between its values, and of each value what was found."""
    said = []
    for spread in readout.spreads.itertuples():
        if isnan(spread.p):
            continue
        part = readout.breakdowns
        part = part[(part["by"] == spread.by) & (part["metric"] == spread.metric) & (part["arm"] == spread.arm)]
        differs = "differs" if spread.p <= readout.spec.alpha else "cannot be told to differ"
        said.append(
            f"{spread.metric}, {spread.arm}: the effect {differs} between the values of {spread.by} ({p_words(spread.p)})."
        )
        said += [
            f"    {row['value']}: {difference_words(row['difference'], row['low'], row['high'], row['kind'])}, {row['says']}"
            for _, row in part.iterrows()
        ]
    return said


def stay_words(stay: Stay) -> list[str]:
    """Say how much longer each arm stayed."""
    said = []
    for row in stay.effects.itertuples():
        if isnan(row.low):
            said.append(f"Days until a silence: {row.arm} cannot be told from the control, too few units.")
            continue
        told = {
            "cannot tell": "cannot be told from the control",
            DO_NOT_READ: "is not to be read, the groups are not the size that was meant",
        }.get(row.says, f"stays {row.says} than the control")
        said.append(
            f"Days until a silence: {row.arm} {told}; mean stay within {stay.horizon_days:,} days {signed(row.difference, 'mean')}"
            f" days ({signed(row.low, 'mean')} to {signed(row.high, 'mean')}), log-rank {p_words(row.log_rank_p)}."
        )
    return said


def cost_words(readout: Readout) -> list[str]:
    """Say what each extra unit cost: of rates only."""
    if readout.ratio.is_mismatch:
        return []
    said = []
    for row in readout.costs[readout.costs["kind"] == "rate"].itertuples():
        start = f"{row.metric}: {row.arm} cost {amount(row.cost)} more than leaving its units alone"
        if isnan(row.extra_low):
            continue
        extra = f"{amount(row.extra)} extra ({amount(row.extra_low)} to {amount(row.extra_high)})"
        if row.extra_high <= 0:
            said.append(f"{start} and gained nobody: {extra}.")
        elif isnan(row.cost_high):
            said.append(
                f"{start}; {extra}: {amount(row.cost_low)} or more for each, without an upper end, for it may be none at all."
            )
        else:
            said.append(
                f"{start}; {extra}: {amount(row.cost_per_extra)} for each ({amount(row.cost_low)} to {amount(row.cost_high)})."
            )
    return said


def decided_words(readout: Readout, day: Sequence[str] | None = None) -> list[str]:
    """Say on which look each comparison was first told apart from nothing; `day` names the days of the path."""
    said = []
    names = list(day) if day is not None else [str(value) for value in readout.path["day"]]
    for (metric, arm), part in readout.path.groupby(["metric", "arm"], sort=False):
        clear = part.index[part["is_clear"].to_numpy(dtype=bool)]
        told = (
            f"was first told apart from nothing on {names[clear[0]]}"
            if len(clear)
            else "has not been told apart from nothing"
        )
        said.append(f"{metric}: {arm} {told}, over {len(part):,} looks.")
    return said


# What to keep in mind -------------------------------------------------------------------------------


def cautions(readout: Readout) -> list[str]:
    """Say what was left out and how to read the rest."""
    said = list(readout.notes)
    if readout.n_immature:
        said.append(
            f"{readout.n_immature:,} units are in progress: their window has not passed, and they are in no figure."
        )
    said.append(f"{level_words(readout.spec)} {METHOD_WORDS[readout.spec.method]}.")
    if readout.stay is not None and readout.spec.method == "sequential":
        said.append("The comparison of the days until a silence is for one look, also here.")
    n = len(readout.as_measured())
    if n > 1:
        said.append(
            f"{n} comparisons are looked at together; their p-values are corrected for it (Benjamini–Hochberg)."
        )
    if len(readout.breakdowns):
        n_known = int(readout.breakdowns["p"].notna().sum())
        said.append(
            f"{n_known} comparisons are broken down and corrected together. That one value is told apart and another is not"
            " does not say that the effect differs between them; see whether it differs at all."
        )
    said.append(INTENTION_TO_TREAT)
    return said
