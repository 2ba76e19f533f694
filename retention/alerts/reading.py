"""What an alert reads in a headline number."""

from __future__ import annotations

from dataclasses import dataclass

from retention.alerts.spec import AlertSpec
from retention.headlines.curves import span
from retention.headlines.figures import Headline, Value, beyond
from retention.headlines.words import interval_words, written


@dataclass(frozen=True, slots=True)
class Reading:
    """An alert and what it reads now.

    Attributes
    ----------
    alert_id : int
    rule : AlertSpec
    value : Value or None
        None where the number cannot be computed (yet); such an alert does not fire.
    is_fired : bool
    is_near : bool
        The number lies beyond the threshold but its interval does not: not sure enough for the rule.
    sentence : str
    """

    alert_id: int
    rule: AlertSpec
    value: Value | None
    is_fired: bool
    is_near: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Readings:
    """All alerts of a store at one data version."""

    as_of_us: int | None
    timezone: str
    data_version: int
    items: tuple[Reading, ...]

    @property
    def fired(self) -> tuple[Reading, ...]:
        """Those that fire."""
        return tuple(item for item in self.items if item.is_fired)


def rule_words(rule: AlertSpec, label: str, unit: str) -> str:
    """Write a rule.

    Examples
    --------
    >>> rule_words(AlertSpec(metric="week-1-retention", operator="below", threshold=0.4), "Back in week 1", "rate")
    'Back in week 1 below 40.0 %'
    """
    return f"{label} {rule.operator} {written(rule.threshold, unit)}"  # type: ignore[arg-type]


def read_rule(alert_id: int, rule: AlertSpec, headline: Headline) -> Reading:
    """Hold a rule against the number that it watches."""
    metric = headline.metric
    name = rule.name or rule_words(rule, metric.label, metric.unit)
    if headline.now is None or headline.window is None:
        return Reading(alert_id, rule, None, False, False, f"{name}: cannot be computed yet. {headline.reason}".strip())
    is_beyond, is_sure = beyond(headline.now, rule.operator, rule.threshold)
    is_fired = is_sure if rule.is_sure else is_beyond
    number = (
        f"{written(headline.now.value, metric.unit)} (95 % interval {interval_words(headline.now, metric.unit)},"
        f" {span(headline.window)})"
    )
    threshold = written(rule.threshold, metric.unit)
    if is_fired and is_sure:
        says = f"{metric.label} is {number}: the whole interval lies {rule.operator} {threshold}."
    elif is_fired:
        says = f"{metric.label} is {number}, {rule.operator} {threshold}; the interval reaches across it."
    elif is_beyond:
        says = f"{metric.label} is {number}: {rule.operator} {threshold}, but not surely, as the interval reaches across it."
    else:
        says = f"{metric.label} is {number}, not {rule.operator} {threshold}."
    return Reading(
        alert_id, rule, headline.now, is_fired, is_beyond and not is_fired, says if not rule.name else f"{name}: {says}"
    )
