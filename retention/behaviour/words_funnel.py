"""A funnel and what it shows, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from retention.behaviour.funnel import Funnel
from retention.behaviour.spec_funnel import FunnelSpec, FunnelUsersSpec, length_words, step_label
from retention.cohorts.words import asked_words, interval, local, percent
from retention.intervals import newcombe

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Finding:
    """One plain sentence, and what stands behind it."""

    headline: str
    detail: str = ""


def range_words(from_on: object, to_on: object, what: str) -> str:
    """Say within which days something must begin."""
    first = f" from {from_on}" if from_on else ""
    last = f" before {to_on}" if to_on else ""
    return f" Only {what}{first}{last} count." if first or last else ""


def users_many(n: int) -> str:
    """Write a number of users.

    Examples
    --------
    >>> users_many(1), users_many(1200)
    ('1 user', '1,200 users')
    """
    return f"{n:,} user" if n == 1 else f"{n:,} users"


def duration_words(seconds: float) -> str:
    """Write a length of time as people say it.

    Examples
    --------
    >>> duration_words(0), duration_words(59), duration_words(5400), duration_words(2.5 * 86400)
    ('0 seconds', '59 seconds', '1.5 hours', '2.5 days')
    """
    if pd.isna(seconds):
        return ""
    for length, name in ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= length:
            count = f"{seconds / length:.1f}".removesuffix(".0")
            return f"{count} {name}{'' if count == '1' else 's'}"
    count = f"{seconds:.0f}"
    return f"{count} second{'' if count == '1' else 's'}"


def definition(spec: FunnelSpec, catalogue: Catalogue) -> str:
    """Say what the numbers mean, from the settings and nothing else."""
    steps = ", then ".join(step_label(f"“{name}”" for name in step) for step in spec.steps)
    clock = catalogue.require_clock()
    return (
        f"Users who did {steps}, every step within {length_words(spec.within_us)} of the first."
        " Other events may lie between. A step at the very same instant as the one before counts if it is another"
        " event of the log. Each user is counted once, with the attempt that gets furthest (of several, the earliest)."
        f" Only attempts whose {length_words(spec.within_us)} had ended by {local(clock.as_of_us, clock.timezone)}"
        " and touch no stretch marked missing count."
        f"{range_words(spec.from_on, spec.to_on, 'first steps')}{asked_words(spec.where, spec.by, catalogue)}"
    )


def users_words(spec: FunnelUsersSpec, catalogue: Catalogue) -> str:
    """Say whose users a step holds."""
    names = spec.funnel.steps
    here = step_label(f"“{name}”" for name in names[spec.step - 1])
    group = "" if spec.group is None else f", {spec.funnel.by} {spec.group or '(none)'}"
    if spec.kind == "dropped":
        nxt = step_label(f"“{name}”" for name in names[spec.step])
        what = f"reached step {spec.step} ({here}) and not step {spec.step + 1} ({nxt})"
    else:
        what = f"reached step {spec.step} ({here})"
    return f"Users{group} who {what}. {definition(spec.funnel, catalogue)}"


def finding(funnel: Funnel) -> Finding:
    """Say how many get through, and where most are lost."""
    spec, rows = funnel.spec, funnel.of()
    counts = funnel.counts()
    within = length_words(spec.within_us)
    if counts[0] == 0:
        began = funnel.n_open + funnel.n_gap
        first = step_label(f"“{name}”" for name in spec.steps[0])
        if began:
            return Finding(
                f"Too early to tell: no user's {within} after {first} can be judged yet.",
                f"{users_many(began)} began. Shorten the time allowed, or look again when there is more data.",
            )
        return Finding(
            f"Nobody did {first} within these settings.", "Choose another first step, or widen the dates or filters."
        )
    last = rows.iloc[-1]
    headline = (
        f"{percent(last['from_first'])} of {users_many(counts[0])} get from “{rows.iloc[0]['events']}” to"
        f" “{last['events']}” within {within}"
        f" (95 % interval {interval(last['from_first_low'], last['from_first_high'])})."
    )
    nobody = next((i for i, n in enumerate(counts) if n == 0), None)
    if nobody is not None:
        name = rows.iloc[nobody]["events"]
        return Finding(
            headline,
            f"Nobody reached step {nobody + 1} (“{name}”) in time: either it never happens after the step before,"
            " or the order or the time allowed does not fit.",
        )
    worst = rows.iloc[1:].sort_values("from_previous", kind="stable").iloc[0]
    before = rows.iloc[int(worst["step"]) - 2]
    share = percent(1 - worst["from_previous"])
    return Finding(
        headline,
        f"Most are lost between “{before['events']}” and “{worst['events']}”: {share} of"
        f" {users_many(int(worst['n_previous']))} go no further. Half of those who get to the end need"
        f" {duration_words(last['since_first_median_s'])} or less.",
    )


def left_out(funnel: Funnel) -> str:
    """Say who was left out, and why; nothing if nobody was."""
    parts = []
    if funnel.n_open:
        parts.append(
            f"{users_many(funnel.n_open)} began too recently to be judged"
            f" (their {length_words(funnel.spec.within_us)} had not ended)"
        )
    if funnel.n_gap:
        parts.append(f"{users_many(funnel.n_gap)} only began around days marked missing")
    return f"Left out: {' and '.join(parts)}." if parts else ""


def comparison(funnel: Funnel) -> str:
    """Compare the two largest groups from first to last step, by Newcombe's interval of the difference."""
    groups = funnel.groups[:2]
    if len(groups) < 2:
        return ""
    one, two = (funnel.counts(name) for name in groups)
    low, high = (float(v) for v in newcombe(one[-1], one[0], two[-1], two[0]))
    says = "larger" if low > 0 else "smaller" if high < 0 else ""
    points = f"{(one[-1] / one[0] - two[-1] / two[0]) * 100:+.1f} points, 95 % interval {low * 100:+.1f} to {high * 100:+.1f}"
    points = points.replace("-", "−")
    if not says:
        return f"Whether {groups[0]} and {groups[1]} differ from first to last step: cannot tell ({points})."
    return f"A {says} share of {groups[0]} than of {groups[1]} gets from the first to the last step ({points})."
