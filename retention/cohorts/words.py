"""A question and its result in plain words: the definition, the verdict, the headline figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from retention.cohorts.matrix import RetentionMatrix
from retention.cohorts.spec import CellSpec, CohortSpec, Condition
from retention.intervals import newcombe
from retention.periods import date_of, day_number, from_us, iso, local_day, zone

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue

UNITS = {"day": "day", "week": "week", "month": "month"}
ELAPSED = {"day": "24 hours", "week": "7 days of 24 hours", "month": "30 days of 24 hours"}
FEW_COHORTS = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """One plain sentence, and what stands behind it."""

    headline: str
    detail: str


@dataclass(frozen=True, slots=True)
class Kpi:
    """A headline figure, formatted."""

    label: str
    value: str
    detail: str


def percent(rate: float) -> str:
    """Write a rate as a percentage with as many digits as it can bear.

    Examples
    --------
    >>> percent(0.3661), percent(0.0042), percent(1.0)
    ('36.6 %', '0.42 %', '100 %')
    """
    if rate in (0.0, 1.0):
        return f"{rate:.0%}".replace("%", " %")
    return f"{rate * 100:.2f} %" if rate < 0.01 else f"{rate * 100:.1f} %"


def interval(low: float, high: float) -> str:
    """Write an interval of rates.

    Examples
    --------
    >>> interval(0.352, 0.381)
    '35.2–38.1 %'
    """
    return f"{low * 100:.1f}–{high * 100:.1f} %"


def _events(names: tuple[str, ...], catalogue: Catalogue) -> str:
    if names:
        return " or ".join(f"“{name}”" for name in names)
    return f"activity ({catalogue.settings.activity})"


def whose(where: Sequence[Condition], catalogue: Catalogue) -> str:
    """Say which users are asked about, to follow the word “users”; nothing where it is everybody.

    Properties are those of the first activity; a label is of its own date (see `label_caution`).
    """
    first = [str(c) for c in where if c.name not in catalogue.labels]
    said = [f"whose first activity has {' and '.join(first)}"] if first else []
    for c in where:
        if c.name in catalogue.labels:
            values = " or ".join(f"“{value}”" for value in c.values)
            negated = "not " if c.operator == "!=" else ""
            said.append(f"whose {c.name} was {negated}{values} on {_label_day(c.name, catalogue)}")
    return f" {' and '.join(said)}" if said else ""


def where_words(where: Sequence[Condition], catalogue: Catalogue, lead: str, joint: str) -> str:
    """Say what the start must have, after `lead`, and whose start it must be."""
    first = [str(c) for c in where if c.name not in catalogue.labels]
    labels = [c for c in where if c.name in catalogue.labels]
    said = lead + joint.join(first) if first else ""
    return said + (f", of users{whose(labels, catalogue)}" if labels else "")


def asked_words(where: Sequence[Condition], by: str | None, catalogue: Catalogue) -> str:
    """Say in sentences which users are asked about, and how they are split; nothing where it is everybody."""
    only = f" Only users{whose(where, catalogue)}." if where else ""
    caution = label_caution(where, by, catalogue)
    return only + split_words(by, catalogue, "at the first activity") + (f" {caution}" if caution else "")


def split_words(by: str | None, catalogue: Catalogue, at: str) -> str:
    """Say how users are split: by what they were `at` the start, or by a label of its own date."""
    if by is None:
        return ""
    when = f"as it was on {_label_day(by, catalogue)}" if by in catalogue.labels else at
    return f" Split by {by} {when}."


def label_caution(
    where: Sequence[Condition], by: str | None, catalogue: Catalogue, from_on: date | None = None
) -> str:
    """Say that a label was made of what its users did before its date; nothing where only later starts are looked at.

    Parameters
    ----------
    from_on : date, optional
        The first day that is looked at.

    Notes
    -----
    A segment of frequent visitors retains well before its date because that is what it was made of: the circle
    that "as of now" groups draw.
    """
    names = {c.name for c in where} | ({by} if by else set())
    zone_name = catalogue.settings.timezone
    said = [
        f"{name} says what users were like on {_label_day(name, catalogue)} and was made of what they did before. Differences"
        " before that day are circular: only what came after tells something new."
        for name in sorted(names & set(catalogue.labels))
        if from_on is None or day_number(from_on) < local_day(catalogue.labels[name].cutoff_us or 0, zone_name)
    ]
    return " ".join(said)


def _label_day(name: str, catalogue: Catalogue) -> str:
    """Write the last day that a label looked at."""
    last = date_of(local_day((catalogue.labels[name].cutoff_us or 0) - 1, catalogue.settings.timezone))
    return f"{last.day} {last:%B %Y}"


def _times(count: int) -> str:
    return "" if count == 1 else f" at least {count} times"


def _brackets(spec: CohortSpec) -> str:
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in spec.brackets)


def definition(spec: CohortSpec, catalogue: Catalogue) -> str:
    """Say what the numbers mean, from the settings and nothing else."""
    unit, k = UNITS[spec.period], f"{UNITS[spec.period]} k"
    start, back = _events(spec.start, catalogue), _events(spec.returns, catalogue)
    back = back if spec.returns else f"any {back}"
    entered = {
        "first-ever": f"at their first {start} in all history",
        "first-matching": f"at their first {start} in all history that meets the conditions",
        "recurring": f"once for every {unit} with {start}, at the first of that {unit}",
    }[spec.entry]
    conditions = where_words(spec.where, catalogue, ", where that start has ", " + ")
    horizon = f"{unit} {spec.horizon}"
    counted = {
        "on": f"in {k}",
        "on-or-after": f"in {k} or later, up to the watermark (right-censored: older cohorts were watched for longer)"
        if spec.is_open_ended
        else f"in {k} or later, up to {horizon}",
        "on-or-before": f"after the start and up to the end of {k}",
        "streak": f"in every {unit} from 1 to k",
        "bracket": f"in the {unit}s of the bracket ({_brackets(spec)})",
    }[spec.mode]
    times = _times(spec.at_least) + (" each" if spec.mode == "streak" and spec.at_least > 1 else "")
    ages = (
        f"A {unit} is {ELAPSED[spec.period]} from the user's own start."
        if spec.ages == "elapsed"
        else f"{unit.capitalize()} 0 is the calendar {unit} of the start."
    )
    spans = ""
    if spec.from_on or spec.to_on:
        first = f" from {spec.from_on}" if spec.from_on else ""
        last = f" before {spec.to_on}" if spec.to_on else ""
        spans = f" Only starts{first}{last} are shown."
    split = f" Split by the start's own {spec.by}." if spec.by else ""
    if spec.by in catalogue.labels:
        split = split_words(spec.by, catalogue, "")
    caution = label_caution(spec.where, spec.by, catalogue, spec.from_on)
    return (
        f"Users enter the cohort of a calendar {unit} {entered}{conditions}. "
        f"They are retained at {k} if they did {back}{times} {counted}, at or after the start;"
        f" the start itself does not count. "
        f"{ages}{spans}{split}{f' {caution}' if caution else ''}"
    )


def cell_words(cell: CellSpec, catalogue: Catalogue) -> str:
    """Say whose users a cell holds."""
    group = "" if cell.group is None else f", {cell.cohorts.by} {cell.group}"
    kept = "not retained" if cell.is_lost else "retained"
    return (
        f"Users of the cohort of {cell.cohort.isoformat()}{group} who were {kept}"
        f" at {cell.cohorts.period} {cell.age}. {definition(cell.cohorts, catalogue)}"
    )


def exclusions(catalogue: Catalogue) -> list[str]:
    """Say what does not count."""
    settings = catalogue.settings
    clock = catalogue.require_clock()
    found = [
        f"Events at or after {local(clock.as_of_us, settings.timezone)} are kept and not counted.",
        f"Activity is {settings.activity}.",
    ]
    if settings.settling_us:
        found.append(f"The last {settings.settling_delay} of the data are left to settle.")
    for start, end in clock.gaps:
        first, last = (from_us(us).astimezone(zone(settings.timezone)) for us in (start, end))
        found.append(f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} is marked missing and enters no average.")
    return found


def local(us: int, timezone: str) -> str:
    """Write an instant as a person in the store's zone reads it."""
    moment = from_us(us).astimezone(zone(timezone))
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname()}"


def question_hash(spec: CohortSpec, catalogue: Catalogue) -> str:
    """Return eight digits that change when the question, the settings or the data do."""
    clock = catalogue.require_clock()
    text = json.dumps(
        {
            "spec": asdict(spec),
            "settings": asdict(catalogue.settings),
            "as_of": iso(clock.as_of_us),
            "gaps": clock.gaps,
            "data_version": catalogue.data_version,
        },
        default=str,
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def average_label(kind: str) -> str:
    """Name an average row so that nobody takes it for another."""
    return {
        "pooled": "Average, pooled (each user weighs the same)",
        "simple": "Average, simple (each cohort weighs the same)",
        "deduplicated": "Average, deduplicated (each user once)",
        "common cohorts": "Average, common cohorts (those complete at every age)",
    }[kind]


def verdict(matrix: RetentionMatrix, min_size: int) -> Verdict:
    """Say what the grid shows, and whether recent cohorts do better than older ones.

    Notes
    -----
    The newer half of the mature cohorts is compared with the older half at the first age after the start,
    by Newcombe's interval of the difference; an interval that holds zero says "cannot tell".
    """
    spec = matrix.spec
    if matrix.cells.empty:
        return Verdict(
            "Nobody matches these settings.",
            "No start event satisfies the conditions within the dates. Remove a condition or widen the dates.",
        )
    age = next((a for a in spec.shown_ages if a >= 1), spec.shown_ages[0])
    label = _age_label(matrix, age)
    pooled = matrix.averages("pooled")
    row = pooled[pooled["age"] == age].iloc[0]
    usable = _usable(matrix, age)
    n_users = int(usable["size"].sum())
    if usable.empty or pd.isna(row["rate"]):
        first = matrix.cells.loc[matrix.cells["age"] == age, "complete_on"].min()
        return Verdict(
            f"Too early to tell: no cohort has completed {label} yet.",
            f"The first one will be complete on {first:%-d %B %Y}.",
        )
    headline = (
        f"{percent(row['rate'])} of {n_users:,} users came back {_meaning(matrix, label)} "
        f"(95 % interval {interval(row['low'], row['high'])})."
    )
    if n_users < min_size:
        return Verdict(headline, f"Only {n_users:,} users stand behind it: too few to tell more.")
    by_cohort = usable.groupby("cohort", as_index=False)[["size", "retained"]].sum().sort_values("cohort")
    if len(by_cohort) < 2 * FEW_COHORTS:
        return Verdict(headline, f"{len(by_cohort)} complete cohorts are too few to say whether it changes.")
    half = len(by_cohort) // 2
    old, new = by_cohort.iloc[:half], by_cohort.iloc[half:]
    x1, n1, x2, n2 = (
        int(v) for v in (new["retained"].sum(), new["size"].sum(), old["retained"].sum(), old["size"].sum())
    )
    low, high = (float(v) for v in newcombe(x1, n1, x2, n2))
    says = "higher" if low > 0 else "lower" if high < 0 else "cannot tell"
    points = f"{(x1 / n1 - x2 / n2) * 100:+.1f} points, 95 % interval {low * 100:+.1f} to {high * 100:+.1f}"
    points = points.replace("-", "−")
    since = new["cohort"].iloc[0]
    if says == "cannot tell":
        detail = f"Whether cohorts since {since:%-d %B %Y} differ from those before: cannot tell ({points})."
    else:
        how = "better" if says == "higher" else "worse"
        detail = f"Cohorts since {since:%-d %B %Y} do {how} than those before ({points})."
    if spec.entry == "recurring":
        detail += " A user can be in several cohorts, so this comparison is only a guide."
    return Verdict(headline, detail)


def _usable(matrix: RetentionMatrix, age: int) -> pd.DataFrame:
    cells = matrix.cells
    return cells[(cells["age"] == age) & (cells["state"] == "mature") & ~cells["touches_gap"]]


def _age_label(matrix: RetentionMatrix, age: int) -> str:
    spec, unit = matrix.spec, UNITS[matrix.spec.period]
    if spec.mode == "bracket":
        end = dict(spec.brackets)[age]
        return f"{unit} {age}" if age == end else f"{unit}s {age} to {end}"
    return f"{unit} {age}"


def _meaning(matrix: RetentionMatrix, label: str) -> str:
    return {
        "on": f"in {label}",
        "on-or-after": f"in {label} or later",
        "on-or-before": f"by the end of {label}",
        "streak": f"in every period up to {label}",
        "bracket": f"in {label}",
    }[matrix.spec.mode]


def kpis(matrix: RetentionMatrix) -> list[Kpi]:
    """Return the headline figures: who is looked at, and the pooled rate early, midway and at the end."""
    spec = matrix.spec
    rows = matrix.rows
    unit = UNITS[spec.period]
    n_entries = int(rows["size"].sum()) if len(rows) else 0
    who = "entries into cohorts" if spec.entry == "recurring" else "users"
    found = [
        Kpi(
            "Users who started" if who == "users" else "Entries",
            f"{n_entries:,}",
            f"in {rows['cohort'].nunique()} cohorts by {unit}",
        )
    ]
    ages = [a for a in spec.shown_ages if a >= 1] or list(spec.shown_ages)
    pooled = matrix.averages("pooled").set_index("age")
    known = [a for a in ages if a in pooled.index and pd.notna(pooled.loc[a, "rate"])]
    for age in dict.fromkeys((known[0], known[len(known) // 2], known[-1]) if known else ()):
        row = pooled.loc[age]
        n_users = int(_usable(matrix, age)["size"].sum())
        found.append(
            Kpi(
                f"Retained {_meaning(matrix, _age_label(matrix, age))}",
                percent(row["rate"]),
                f"of {n_users:,} {who}; 95 % interval {interval(row['low'], row['high'])}",
            )
        )
    return found
