"""One table of what was measured, against what, and whether that is enough."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

Direction = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on a ratio or on an amount."""

    direction: Direction
    bound: float
    unit: str = "×"

    def __str__(self) -> str:
        return f"{'≥' if self.direction == 'at least' else '≤'} {self.bound:g} {self.unit}".replace(" ×", "×")

    def is_met(self, found: float) -> bool:
        """Say whether `found` is good enough."""
        return found >= self.bound if self.direction == "at least" else found <= self.bound


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    what : str
    ours, other : str
        The figures as printed, with their unit.
    found : float or None
        What the target bounds; None where the row is a figure beside, or the check of the answers failed.
    target : Target or None
    note : str
        What the other one is, or why there is no figure.
    figures : dict
        Everything behind the row, for `--json`.
    """

    what: str
    ours: str
    other: str = ""
    found: float | None = None
    target: Target | None = None
    note: str = ""
    is_wrong: bool = False
    figures: dict[str, object] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """Whether the target is met, in a word or two."""
        if self.is_wrong:
            return "WRONG ANSWER"
        if self.target is None or self.found is None:
            return ""
        return "yes" if self.target.is_met(self.found) else "FALLS SHORT"

    @property
    def ratio(self) -> str:
        """The bounded figure, with as many digits as it deserves."""
        if self.found is None:
            return ""
        unit = self.target.unit if self.target else "×"
        digits = 0 if abs(self.found) >= 100 else 1 if abs(self.found) >= 10 else 2
        return f"{self.found:,.{digits}f} {unit}".replace(" ×", "×")


HEADINGS = ("what", "ours", "the other", "ratio", "target", "met?", "the other is")


def table(rows: Iterable[Row]) -> str:
    """Lay the rows out as text.

    Examples
    --------
    >>> print(table([Row("a question", "2.0 ms", "90 ms", 45, Target("at least", 40), "plain SQL")]))
    what       | ours   | the other | ratio | target | met? | the other is
    -----------|--------|-----------|-------|--------|------|-------------
    a question | 2.0 ms | 90 ms     | 45.0× | ≥ 40×  | yes  | plain SQL
    """
    cells = [HEADINGS] + [
        (r.what, r.ours, r.other, r.ratio, str(r.target or ""), r.verdict, r.note) for r in rows
    ]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEADINGS))]
    lines = [" | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    rule = "-|-".join("-" * width for width in widths)
    return "\n".join([lines[0], rule, *lines[1:]])


def ms(value: float) -> str:
    """Write milliseconds with as many digits as they deserve."""
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms"


def write_json(rows: Iterable[Row], about: dict[str, object], path: Path) -> None:
    """Write everything that was measured."""
    found = [asdict(row) | {"verdict": row.verdict} for row in rows]
    path.write_text(json.dumps({**about, "rows": found}, indent=1, ensure_ascii=False, default=str), encoding="utf-8")
