"""What can be planned, and how the outcomes of an experiment are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from retention.errors import SpecError, nearest

Kind = Literal["rate", "mean"]
KINDS: tuple[Kind, ...] = ("rate", "mean")
Method = Literal["fixed horizon", "sequential"]
METHODS: tuple[Method, ...] = ("fixed horizon", "sequential")
USUAL_TUNING = 5_000
ROLES = ("unit", "arm", "outcome", "time", "exposure", "before", "by", "treatment", "cost")


def _is_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise SpecError(f"`{name}` must be more than 0 and less than 1, not {value:g}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSpec:
    """One outcome of a unit.

    Parameters
    ----------
    name : str
        As the read-out calls it; of a file, the column.
    kind : {"rate", "mean"}, optional
        A share of the units (yes or no for each), or a mean (an amount for each); of a file, told from the values.
    before : str, optional
        Column with the same quantity from before the exposure, which takes out chance (CUPED).
    """

    name: str
    kind: Kind | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise SpecError("An outcome must have a name.")
        if self.kind is not None and self.kind not in KINDS:
            raise SpecError(f"`kind` must be one of {', '.join(KINDS)}, not {self.kind!r}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadSpec:
    """How outcomes are read.

    Parameters
    ----------
    method : {"fixed horizon", "sequential"}
        Intervals that hold for one look, at the end that was planned; or at every look, however often one looks.
    alpha : float, default 0.05
        One minus the level of the intervals.
    winsor : float, default 0.99
        Amounts above this quantile of the amounts other than zero are cut to it, for the reading beside the plain one;
        1 cuts nothing.
    by : tuple of str
        Properties, segments or columns by which the effect is broken down.
    tuned_for : int, optional
        Units, of both groups together, at which the sequential intervals are narrowest: to be named before anybody looks;
        they hold at every other number, too. By default as the campaign was planned, or 5,000.

    Raises
    ------
    SpecError
        If one of them is out of its range.
    """

    method: Method = "fixed horizon"
    alpha: float = 0.05
    winsor: float = 0.99
    by: tuple[str, ...] = ()
    tuned_for: int | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise SpecError(f"`method` must be one of {', '.join(METHODS)}, not {self.method!r}.")
        _is_share("alpha", self.alpha)
        if not 0.5 <= self.winsor <= 1:
            raise SpecError(
                f"`winsor` must be from 0.5 to 1, not {self.winsor:g}.", hint="0.99 is usual; 1 cuts nothing."
            )
        if self.tuned_for is not None and self.tuned_for < 100:
            raise SpecError(
                f"`tuned_for` must be 100 or more, not {self.tuned_for}.", hint="Name the size that was planned."
            )

    @property
    def tuning(self) -> int:
        """The number of units at which the sequential intervals are narrowest."""
        return self.tuned_for or USUAL_TUNING


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanSpec:
    """What an experiment is to find out.

    Parameters
    ----------
    metric : str
        What is compared: "retained within 28 days".
    baseline : float
        Its value without the action: the share that stays, or the mean.
    effect : float
        The smallest difference worth finding, in the same unit: 0.02 = 2 percentage points; less than 0 where the action
        is to lower the metric.
    kind : {"rate", "mean"}
    spread : float, optional
        Standard deviation of a mean's values from user to user; needed for a mean.
    power : float, default 0.8
        How likely the effect is to be found where it is there.
    alpha : float, default 0.05
        How likely an effect is to be "found" where there is none.
    holdout : float, default 0.5
        Share of the users who get nothing.
    n_arms : int, default 1
        Groups beside the holdout, which share the rest alike; each is compared with the holdout.
    n_available : int, optional
        Users there are.
    units_per_day : float, optional
        Users who come in on a day.
    window_days : int, default 0
        Days until the outcome of a user is known.

    Raises
    ------
    SpecError
        If there is nothing to find (effect 0), nothing to change (a baseline of 0 or 1), or one is out of its range.
    """

    metric: str
    baseline: float
    effect: float
    kind: Kind = "rate"
    spread: float | None = None
    power: float = 0.8
    alpha: float = 0.05
    holdout: float = 0.5
    n_arms: int = 1
    n_available: int | None = None
    units_per_day: float | None = None
    window_days: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SpecError(f"`kind` must be one of {', '.join(KINDS)}, not {self.kind!r}.")
        for name in ("power", "alpha", "holdout"):
            _is_share(name, getattr(self, name))
        if self.power <= self.alpha:
            raise SpecError(
                f"`power` must be more than `alpha`, {self.alpha:g}, not {self.power:g}.", hint="80 % or 90 % is usual."
            )
        if not -float("inf") < self.effect < float("inf") or self.effect == 0:
            raise SpecError(
                f"The smallest effect worth having must be a number other than 0, not {self.effect:g}.",
                hint="An effect of nothing cannot be found with any number of users; name the least that would pay.",
            )
        if self.kind == "rate":
            self._check_rate()
        elif self.spread is None or not 0 < self.spread < float("inf"):
            raise SpecError(
                f"`spread` must be more than 0 for a mean, not {'empty' if self.spread is None else format(self.spread, 'g')}.",
                hint="It is the standard deviation of the metric from user to user.",
            )
        if self.n_arms < 1:
            raise SpecError(f"`n_arms` must be 1 or more, not {self.n_arms}.")
        for name in ("n_available", "units_per_day"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise SpecError(f"`{name}` must be more than 0, not {value:g}.")
        if self.window_days < 0:
            raise SpecError(f"`window_days` must be 0 or more, not {self.window_days}.")

    def _check_rate(self) -> None:
        if not 0 < self.baseline < 1:
            raise SpecError(
                f"The baseline of a share must be more than 0 and less than 1, not {self.baseline:g}.",
                hint="Where nobody or everybody does it, there is no rate to compare; choose another metric or other users.",
            )
        if not 0 < self.baseline + self.effect < 1:
            raise SpecError(
                f"Baseline and effect together must be a share between 0 and 1, not {self.baseline + self.effect:g}.",
                hint="Name the effect as a difference: 0.02 is 2 percentage points.",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitFileSpec:
    """What the columns of a file of units mean: one row a unit, with its arm and its outcomes.

    Parameters
    ----------
    arm : str
        Column that says which group the unit is in.
    outcomes : tuple of MetricSpec
        At least one.
    unit : str, optional
        Column that says whose row it is; without it every row is taken for a unit of its own.
    control : str, optional
        The arm that the others are compared with; without it, the one whose name says so ("control", "holdout", "No E-Mail" …).
    expected : tuple of (str, float)
        Shares of the arms that were meant, if they were not meant to be equal.
    agree : tuple of (str, str, str)
        Column, arm, and the value that the column must have in it: rows where it has another are left out and reported.
    exposure, time : str, optional
        Columns with the moment of the exposure, and with that of the outcome, which must not be before it. The day of the
        time, or else of the exposure, is that of a look of the sequential reading.
    by : tuple of str
        Columns by which the effect is broken down.
    cost : str, optional
        Column with what each unit cost.

    Raises
    ------
    SpecError
        If a column is not named, or there is no outcome.
    """

    arm: str
    outcomes: tuple[MetricSpec, ...]
    unit: str | None = None
    control: str | None = None
    expected: tuple[tuple[str, float], ...] = ()
    agree: tuple[tuple[str, str, str], ...] = ()
    exposure: str | None = None
    time: str | None = None
    by: tuple[str, ...] = ()
    cost: str | None = None

    def __post_init__(self) -> None:
        if not self.arm.strip():
            raise SpecError("The column of the arm must be named.", hint="For example arm=COLUMN.")
        if not self.outcomes:
            raise SpecError("At least one outcome must be named.", hint="For example outcome=COLUMN.")
        named = [metric.name for metric in self.outcomes]
        if twice := {name for name in named if named.count(name) > 1}:
            raise SpecError(f'The outcome "{sorted(twice)[0]}" is named twice.', hint="Name each once.")

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is needed, each once."""
        before = (metric.before for metric in self.outcomes)
        named = (self.unit, self.arm, *(m.name for m in self.outcomes), *before, self.exposure, self.time, self.cost)
        return tuple(
            dict.fromkeys(name for name in (*named, *self.by, *(column for column, _, _ in self.agree)) if name)
        )

    @classmethod
    def of_map(cls, pairs: tuple[str, ...], **more: object) -> UnitFileSpec:
        """Read ``role=column`` pairs.

        Roles are unit, arm, outcome (again for each), before (of the outcome named before it), time, exposure, by, cost,
        and value, which is an outcome that is an amount; treatment is another word for arm.

        Examples
        --------
        >>> spec = UnitFileSpec.of_map(("unit=userid", "arm=version", "outcome=retention_1", "outcome=retention_7"))
        >>> spec.arm, [metric.name for metric in spec.outcomes]
        ('version', ['retention_1', 'retention_7'])
        >>> UnitFileSpec.of_map(("unti=userid",))
        Traceback (most recent call last):
        ...
        retention.errors.SpecError: "unti" is no role of a column. Did you mean "unit"?
        """
        one: dict[str, str] = {}
        outcomes: list[MetricSpec] = []
        by: list[str] = []
        for pair in pairs:
            role, is_pair, column = (part.strip() for part in pair.partition("="))
            if not is_pair or not column:
                raise SpecError(
                    f'A column must be given as role=column, not "{pair}".', hint="For example unit=userid."
                )
            role = "arm" if role == "treatment" else role
            if role in ("outcome", "value"):
                outcomes.append(MetricSpec(name=column, kind="mean" if role == "value" else None))
            elif role == "before":
                if not outcomes:
                    raise SpecError(
                        "`before` must follow the outcome that it belongs to.", hint="outcome=spend,before=spend_before"
                    )
                outcomes[-1] = MetricSpec(name=outcomes[-1].name, kind=outcomes[-1].kind, before=column)
            elif role == "by":
                by.append(column)
            elif role not in ROLES:
                raise SpecError(f'"{role}" is no role of a column.', hint=nearest(role, (*ROLES, "value")))
            elif role in one:
                raise SpecError(f"`{role}` is given twice.", hint="Name it once.")
            else:
                one[role] = column
        named = {"arm": "", **one}
        return cls(outcomes=tuple(outcomes), by=tuple(by), **named, **more)  # type: ignore[arg-type]
