"""What an alert may watch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from retention.errors import SpecError
from retention.headlines.spec import metric_named

Operator = Literal["below", "above"]
OPERATORS: tuple[Operator, ...] = ("below", "above")
MAX_NAME = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertSpec:
    """Tell when a headline number falls below, or rises above, a threshold.

    Parameters
    ----------
    metric : str
        A headline number.
    operator : {"below", "above"}
    threshold : float
        In the number's own unit; a share as a fraction: 0.4 is 40 %.
    is_sure : bool
        Fire only where the whole 95 % interval lies beyond the threshold, not the number alone.
    name : str
        What the alert is called; by default the rule in words.
    """

    metric: str
    operator: Operator
    threshold: float
    is_sure: bool = True
    name: str = ""

    def __post_init__(self) -> None:
        metric = metric_named(self.metric)
        if self.operator not in OPERATORS:
            raise SpecError(f"`operator` must be below or above, not {self.operator!r}.")
        if not isfinite(self.threshold) or self.threshold < 0:
            raise SpecError(f"`threshold` must be a number from 0, not {self.threshold}.")
        if metric.unit == "rate" and metric.name != "net-revenue-retention" and self.threshold > 1:
            raise SpecError(
                f"`threshold` of a share must be from 0 to 1, not {self.threshold:g}.",
                hint="Write 0.4 or 40% for 40 %.",
            )
        if len(self.name) > MAX_NAME:
            raise SpecError(f"An alert's name must have at most {MAX_NAME} characters.")


def parse_threshold(text: str) -> float:
    """Read a threshold as a person types it.

    Examples
    --------
    >>> parse_threshold("40%"), parse_threshold("0.4"), parse_threshold("1,200")
    (0.4, 0.4, 1200.0)
    """
    match = re.fullmatch(r"\s*(-?[\d,]*\.?\d+)\s*(%)?\s*", text)
    if not match:
        raise SpecError(f"A threshold must be a number such as 0.4, 40% or 1200, not {text!r}.")
    number = float(match[1].replace(",", ""))
    return number / 100 if match[2] else number
