"""A question as a value: SQL text an analyst can read, with its values bound beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ACTIVITY_BIT = 62
"""Bit of the rollups' masks that stands for any activity; each kind of event has one of those below."""
MAX_BIT = ACTIVITY_BIT - 1
"""Kinds of event beyond the 62nd have no bit; questions about them read the events."""
NO_DAY = -400
"""Stands in the rollups for the day before a user's first active day; earlier than any day that a store may hold."""


@dataclass(frozen=True, slots=True)
class Sql:
    """A select over named common table expressions; making one runs nothing.

    Parameters
    ----------
    body : str
        The final select.
    params : mapping of str to value
        Bound values, by the name that follows ``$`` in the text.
    parts : tuple of (name, text)
        Common table expressions, each free to use those before it.

    Examples
    --------
    >>> young = Sql("select u.user_key from users as u where u.first_us > $since", {"since": 0})
    >>> print(Sql.ctes(young=young).select("select count(*) as n from young"))
    with young as (
    select u.user_key from users as u where u.first_us > $since
    )
    select count(*) as n from young
    """

    body: str
    params: Mapping[str, object] = field(default_factory=dict)
    parts: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The whole statement."""
        if not self.parts:
            return self.body
        ctes = ",\n".join(f"{name} as (\n{text}\n)" for name, text in self.parts)
        return f"with {ctes}\n{self.body}"

    def __str__(self) -> str:
        return self.text

    @classmethod
    def ctes(cls, **parts: Sql) -> Ctes:
        """Name selects so that a further one can be written over them."""
        merged: dict[str, str] = {}
        params: dict[str, object] = {}
        for name, part in parts.items():
            for inner, text in (*part.parts, (name, part.body)):
                if merged.setdefault(inner, text) != text:
                    raise ValueError(f"two different selects are called {inner}")
            _merge(params, part.params)
        return Ctes(tuple(merged.items()), params)


@dataclass(frozen=True, slots=True)
class Ctes:
    """Named selects that wait for the one that uses them."""

    parts: tuple[tuple[str, str], ...]
    params: Mapping[str, object]

    def select(self, body: str, **params: object) -> Sql:
        """Write a select over the named ones."""
        merged = dict(self.params)
        _merge(merged, params)
        return Sql(body.strip("\n"), merged, self.parts)


def any_of(column: str, name: str, values: Sequence[object]) -> tuple[str, dict[str, object]]:
    """Write ``column in (…)`` with one bound parameter a value.

    Examples
    --------
    >>> any_of("n.event", "start", ["visit", "buy"])
    ('n.event in ($start_0, $start_1)', {'start_0': 'visit', 'start_1': 'buy'})
    """
    params = {f"{name}_{i}": value for i, value in enumerate(values)}
    return f"{column} in ({', '.join('$' + p for p in params)})", params


def _merge(into: dict[str, object], more: Mapping[str, object]) -> None:
    for name, value in more.items():
        if into.setdefault(name, value) != value:
            raise ValueError(f"the parameter ${name} has two values")
