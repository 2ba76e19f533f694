"""The units of an experiment: who was in which group, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from retention.errors import SpecError
from retention.experiments.spec import KINDS, Kind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One outcome of every unit.

    Parameters
    ----------
    metric : str
        What it is, as the read-out calls it.
    kind : {"rate", "mean"}
        "rate" where each value is 0 or 1.
    values : ndarray of float, shape (n_units,)
        NaN where it is not known: such a unit counts in no figure of this outcome.
    before : ndarray of float, shape (n_units,), optional
        The same quantity, or one that goes with it, from before the exposure; NaN where there is none.

    Raises
    ------
    SpecError
        If a rate has a value other than 0 and 1, or a value is infinite.
    """

    metric: str
    kind: Kind
    values: Floats
    before: Floats | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SpecError(f"`kind` must be one of {', '.join(KINDS)}, not {self.kind!r}.")
        if self.kind == "rate" and not bool((np.isnan(self.values) | (self.values == 0) | (self.values == 1)).all()):
            raise SpecError(
                f'"{self.metric}" must be yes or no for each unit to be a share.', hint="Read it as a mean."
            )
        if np.isinf(self.values).any():
            raise SpecError(f'"{self.metric}" must have finite values.')


@dataclass(frozen=True, slots=True, eq=False)
class Durations:
    """How long every unit stayed.

    Parameters
    ----------
    days : ndarray of int, shape (n_units,)
        From the exposure to the last activity before the first silence, or to the last day on which everybody's status
        is known; less than 0 leaves a unit out.
    observed : ndarray of bool, shape (n_units,)
        Whether the silence is known to have lasted.
    """

    days: Ints
    observed: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Units that were divided at random over the groups of an experiment, with their outcomes: mature ones only.

    Parameters
    ----------
    groups : tuple of str
        Names of the groups; the control is the first.
    group : ndarray of int, shape (n_units,)
        Place of each unit's group in `groups`.
    outcomes : tuple of Outcome
    durations : Durations, optional
        For the survival comparison.
    day : ndarray of int, shape (n_units,), optional
        Number of the day on which the outcomes of a unit were known: the looks of the sequential reading.
    expected_shares : tuple of float, optional
        Shares of the groups that were meant, in their order; without them equal shares are assumed, and it is said.
    breakdowns : mapping of str to ndarray of object, shape (n_units,)
        Values as of the exposure by which the effect is broken down; None is unknown.
    n_immature : int
        Units left out because their window has not passed.
    notes : tuple of str
        Sentences on what was left out, and why.
    costs : tuple of float, optional
        Money spent on each group in total, in their order.

    Raises
    ------
    SpecError
        If there are fewer than two groups, or an array has another length.
    """

    groups: tuple[str, ...]
    group: Ints
    outcomes: tuple[Outcome, ...]
    durations: Durations | None = None
    day: Ints | None = None
    expected_shares: tuple[float, ...] | None = None
    breakdowns: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    n_immature: int = 0
    notes: tuple[str, ...] = ()
    costs: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.groups) < 2:
            raise SpecError(
                "An experiment must have a control and at least one other group.",
                hint="Without users who were left alone nobody can say what would have happened anyway.",
            )
        arrays: list[np.ndarray | None] = [
            self.day,
            *self.breakdowns.values(),
            *(o.values for o in self.outcomes),
            *(o.before for o in self.outcomes),
        ]
        if self.durations is not None:
            arrays += [self.durations.days, self.durations.observed]
        if any(array is not None and len(array) != self.n_units for array in arrays):
            raise SpecError("Every unit must have one value in each column.")
        for name in ("expected_shares", "costs"):
            told = getattr(self, name)
            if told is not None and len(told) != len(self.groups):
                raise SpecError(
                    f"`{name}` must name one number for each of {len(self.groups)} groups, not {len(told)}."
                )
        if self.expected_shares is not None and not min(self.expected_shares) > 0:
            raise SpecError("The shares that were meant must each be more than 0.")

    @property
    def n_units(self) -> int:
        """How many units there are."""
        return len(self.group)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many units each group has."""
        return tuple(int(n) for n in np.bincount(self.group, minlength=len(self.groups)))
