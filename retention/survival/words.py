"""Survival in plain words: the definition, the verdict, and what a reader must know."""

from __future__ import annotations

from math import isnan, log
from typing import TYPE_CHECKING

from retention.cohorts.words import percent, split_words, where_words
from retention.periods import date_of, local_day
from retention.survival.curve import FEW, SurvivalCurves, SurvivalGroup
from retention.survival.hazard import HazardWeeks
from retention.survival.laws import LifetimeLaws
from retention.survival.ratios import CoxModel
from retention.survival.reconcile import Reconciliation
from retention.survival.spec import FIRST_EVENT, FIRST_MONTH, SurvivalListSpec, SurvivalSpec

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue

GOOD_FIT = 0.03
"""A law may stand for a curve that it misses by less."""


def _events(names: tuple[str, ...], activity: str) -> str:
    return " or ".join(f"“{name}”" for name in names) if names else f"activity ({activity})"


def definition(spec: SurvivalSpec, catalogue: Catalogue) -> str:
    """Say what the numbers mean, from the settings and nothing else."""
    window = spec.window or int(catalogue.settings.churn_window)
    activity = catalogue.settings.activity
    first = "first" if spec.entry == "first-ever" else "first matching"
    conditions = where_words(spec.where, catalogue, ", where it has ", " and ")
    ends = {
        "first lapse": f"on the last day with {_events(spec.events, activity)} before the first {window} days without;"
        " a return after that is a new life and not looked at",
        "last activity": f"on the last day with {_events(spec.events, activity)} of all, once {window} days have passed"
        " without; a return takes a lapse back",
    }[spec.ends]
    late = (
        f" Users are followed from {spec.entry_on} only: who started earlier joins at the age reached by then, if still"
        " active then."
        if spec.entry_on
        else ""
    )
    split = {
        None: "",
        FIRST_EVENT: " Split by the very first activity.",
        FIRST_MONTH: " Split by the calendar month of the start.",
    }.get(spec.by, split_words(spec.by, catalogue, "at the start"))
    return (
        f"A life begins on the day of a user's {first} {_events(spec.starts, activity)} in all history{conditions}. It ends {ends}."
        f" Whoever was active within the last {window} days of the data is not known to have lapsed: such users count up to"
        f" {window} days before the end of the data, and users who started after that are left out.{late}{split}"
    )


def days(value: float) -> str:
    """Write a number of days.

    Examples
    --------
    >>> days(1.0), days(47.5), days(412.0)
    ('1 day', '47.5 days', '412 days')
    """
    text = f"{value:,.1f}".removesuffix(".0") if value < 100 else f"{value:,.0f}"
    return f"{text} {'day' if text == '1' else 'days'}"


def median_words(group: SurvivalGroup) -> str:
    """Say after how many days half have lapsed."""
    if isnan(group.median):
        return "not reached"
    high = "not reached" if isnan(group.median_high) else days(group.median_high)
    low = "?" if isnan(group.median_low) else f"{group.median_low:,.0f}"
    return f"{days(group.median)} ({low} to {high})"


def mean_words(group: SurvivalGroup) -> str:
    """Say how long users stay on average within the horizon."""
    if isnan(group.mean_stay):
        return "not followed so far"
    return f"{days(group.mean_stay)} ({group.mean_low:,.1f} to {group.mean_high:,.1f})"


def verdict(curves: SurvivalCurves) -> tuple[str, str]:
    """Say in one sentence what the curves show, and in a second what goes with it."""
    whole = [group for group in curves.groups if group.n]
    if len(whole) == 1:
        group = whole[0]
        who = "users" if group.group is None else f"users of {group.group}"
        left = group.at(curves.horizon_days)
        half = (
            f"More than half of {group.n:,} {who} stay longer than the {days(group.last_age)} that can be seen"
            if isnan(group.median)
            else f"Half of {group.n:,} {who} have lapsed after {days(group.median)}"
            f" (95 % interval {group.median_low:,.0f} to"
            f" {'not reached' if isnan(group.median_high) else f'{group.median_high:,.0f}'})"
        )
        later = (
            ""
            if isnan(left[0])
            else f" After {days(curves.horizon_days)} {percent(left[0])} are left"
            + (f" ({percent(left[1])} to {percent(left[2])})." if not isnan(left[1]) else ".")
        )
        return f"{half}.{later}", _known_until(curves, group)
    clear = curves.comparisons[curves.comparisons["says"] != "cannot tell"]
    reached = [group for group in whole if not isnan(group.median)]
    if len(reached) >= 2:
        best, worst = (
            pick(reached, key=lambda group: group.mean_stay if not isnan(group.mean_stay) else group.median)
            for pick in (max, min)
        )
        headline = f"Half of {worst.name} have lapsed after {days(worst.median)}, half of {best.name} after {days(best.median)}."
    else:
        headline = f"{len(whole)} groups are compared; half of a group have lapsed in {len(reached)} of them."
    n_pairs = len(curves.comparisons)
    if clear.empty:
        return headline, f"Whether any two groups differ: cannot tell ({_pairs(n_pairs)}, log-rank test)."
    return headline, (
        f"{len(clear)} of {_pairs(n_pairs)} differ clearly (log-rank test"
        f"{', corrected for looking at several at once' if n_pairs > 1 else ''})."
        " A difference goes with the group; it need not come from it."
    )


def _pairs(n: int) -> str:
    return f"{n} pair{'' if n == 1 else 's'} of groups"


def _known_until(curves: SurvivalCurves, group: SurvivalGroup) -> str:
    parts = [f"{group.observed:,} were seen to lapse, {group.censored:,} were still active when last judged"]
    if group.left_out:
        parts.append(f"{group.left_out:,} started too recently to be judged and are left out")
    if group.gone_before:
        parts.append(f"{group.gone_before:,} had lapsed before the follow-up began")
    return "; ".join(parts) + "."


def gap_note(curves: SurvivalCurves) -> str:
    """Say which stretches of the data are missing, for silences across them may be holes; empty if none."""
    clock = curves.clock
    if not clock.gaps:
        return ""
    spans = []
    for from_us, to_us in clock.gaps:
        first, last = (date_of(local_day(us, clock.timezone)) for us in (from_us, to_us - 1))
        spans.append(f"{first:%-d %B %Y}" if first == last else f"{first:%-d %B %Y} to {last:%-d %B %Y}")
    of_all = sum(group.observed for group in curves.groups)
    return (
        f"Marked missing in the data: {'; '.join(spans)}. Of {of_all:,} lapses, {curves.n_over_gaps:,} rest on a silence"
        " that reaches across it: whoever was active in those days only counts as lapsed all the same."
    )


def riskiest_words(hazard: HazardWeeks) -> tuple[str, str]:
    """Say which week is the riskiest, and how sure that is."""
    weeks = hazard.weeks
    if weeks.empty:
        return (
            "Too few users to say when they lapse.",
            f"A week is shown only while at least {FEW} users are under observation.",
        )
    if not weeks["events"].any():
        return "Nobody in this group has lapsed yet.", "So no week can be called the riskiest."
    top = weeks.loc[weeks["hazard"].idxmax()]
    rate = f"{top['hazard'] * 100:.1f} lapses per 100 users and week, 95 % interval {top['low'] * 100:.1f} to {top['high'] * 100:.1f}"
    if hazard.riskiest is None:
        return (
            "Which week is the riskiest: cannot tell.",
            f"The highest rate is that of the {ordinal(int(top['week']))} week ({rate}), but more than half of the weeks"
            " may be just as risky.",
        )
    others = [week for week in hazard.candidates if week != hazard.riskiest]
    sure = (
        "no other week comes near it"
        if not others
        else f"the data cannot rule out the {_listed([ordinal(week) for week in others])}"
    )
    return f"The riskiest week is the {ordinal(hazard.riskiest)}.", f"{rate[0].upper()}{rate[1:]}; {sure}."


def ordinal(n: int) -> str:
    """Write a rank.

    Examples
    --------
    >>> [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 21, 113)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '21st', '113th']
    """
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def list_words(spec: SurvivalListSpec, catalogue: Catalogue) -> str:
    """Say whose users a list holds."""
    window = spec.survival.window or int(catalogue.settings.churn_window)
    who = {
        "lapsed": "Users who lapsed" + (f" in the {ordinal(spec.week)} week since their start" if spec.week else ""),
        "still active": "Users not known to have lapsed",
        "left out": f"Users who started within the last {window} days of the data, too recently to be judged",
        "gone before": "Users who had lapsed before the follow-up began",
    }[spec.state]
    group = "" if spec.group is None else f", {spec.survival.by} {spec.group}"
    return f"{who}{group}. {definition(spec.survival, catalogue)}"


def laws_words(laws: LifetimeLaws) -> tuple[str, str]:
    """Say which law fits best, and whether it fits at all."""
    fitted = laws.laws[laws.laws["is_fitted"]]
    if fitted.empty:
        return "None of the laws can be fitted to these lifetimes.", "Read the curve itself."
    best = fitted.iloc[0]
    near = [title(name) for name in fitted.loc[(fitted["delta"] < 2) & (fitted["law"] != best["law"]), "law"]]
    also = f", hardly better than the {_listed(near)}" if near else ""
    off = float(best["distance"])
    fits = (
        f"It stays within {off * 100:.1f} points of the curve observed, so it may stand for it"
        if off <= GOOD_FIT
        else f"It is off by up to {off * 100:.1f} points, so read the curve itself and not the law"
    )
    return f"The {title(str(best['law']))} law describes the lifetimes best{also}.", f"{fits}."


def title(law: str) -> str:
    """Write the name of a law: Weibull was a person."""
    return "Weibull" if law == "weibull" else law


def cox_words(model: CoxModel) -> str:
    """Say which value goes with lapsing soonest."""
    rows = model.ratios[~model.ratios["is_reference"]]
    clear = rows[(rows["low"] > 1) | (rows["high"] < 1)]
    if clear.empty:
        return "None of these values goes with lapsing sooner or later, as far as these users can tell."
    top = clear.loc[(clear["ratio"].map(log).abs()).idxmax()]
    reference = model.levels[str(top["attribute"])][0]
    return (
        f"{top['attribute']} {top['value']} goes with lapsing at {top['ratio']:.2f} times the rate of {reference}"
        f" (95 % interval {top['low']:.2f} to {top['high']:.2f}), everything else here held equal."
    )


def proportional_words(model: CoxModel) -> str:
    """Say whether the ratios hold at every age."""
    if model.is_proportional:
        return "There is no sign that the ratios change with age, so one number for each is fair."
    tested = model.ratios.dropna(subset=["ph_p"])
    worst = tested[tested["ph_p"] * len(tested) <= 0.05]
    names = _listed([f"{row.attribute} {row.value}" for row in worst.itertuples(index=False)]).replace(" or ", " and ")
    return (
        f"The ratio of {names} changes with age: read it as an average over the time watched, and look at the curves for"
        " when the difference arises."
    )


def ratio_words(row: dict[str, object]) -> str:
    """Write a hazard ratio with its interval."""
    if row["is_reference"]:
        return "1 (reference)"
    return f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def reconcile_words(found: Reconciliation) -> str:
    """Say whether grid and curve agree."""
    if found.is_exact:
        return f"Yes: they agree exactly at every age, for {found.n_users:,} users."
    off = float(found.ages["difference"].abs().max())
    return f"No: they differ by up to {off * 100:.3f} points. This is a fault; please report it."
