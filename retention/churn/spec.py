"""What can be asked of a churn score."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.features.spec import FeatureSpec

MAX_DAYS = 730
SEQUENCE_MODELS = ("gru", "lstm", "transformer")
"""They read the events themselves, and need the library torch."""
MODELS = (
    "boosting", "logistic", "lasso", "ridge", "svm", "tree", "forest", "cox", *SEQUENCE_MODELS, "bgnbd", "recency",
    "frequency",
)  # fmt: skip
"""The cheap rules last: every report stands beside them."""
RULES = ("recency", "frequency", "bgnbd")
BEST = "best of"
MAX_TRAIN = 12
"""More cut-offs than these teach little that is new: most of their users are the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LapseSpec:
    """What it means to lapse after a cut-off, and who could.

    Parameters
    ----------
    horizon_days : int
        H: lapsed is who does nothing within so many days, from 7 to 730.
    gap_days : int
        g: the days after the cut-off that it takes to act; what happens in them decides nothing. From 0 to 90.
    lookback_days : int
        A: only users who were active within so many days before the cut-off can lapse, from 7 to 730.
    events : tuple of str
        The events that keep a user; empty means any activity.
    where : tuple of Condition
        Only users whose first activity satisfies all of them.

    Raises
    ------
    SpecError
        If a number is out of its range.
    """

    horizon_days: int = 90
    gap_days: int = 7
    lookback_days: int = 180
    events: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        for name, low, high in (("horizon_days", 7, MAX_DAYS), ("gap_days", 0, 90), ("lookback_days", 7, MAX_DAYS)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SpecError(f"`{name}` must be from {low} to {high} days, not {value}.")

    @property
    def label_days(self) -> int:
        """Days after a cut-off until it is known who has lapsed: g + H."""
        return self.gap_days + self.horizon_days


@dataclass(frozen=True, kw_only=True, slots=True)
class ChurnSpec:
    """How to learn and judge a score.

    Parameters
    ----------
    lapse : LapseSpec
    features : FeatureSpec
        Names and presets only: its cut-off and filters come from the lapse.
    model : str
        One of `MODELS`, or "best of": the cheapest whose ROC AUC is within 0.005 of the best.
    cutoff : date, optional
        Users are scored as of the beginning of this day; by default the last day that has begun when the data end.
    n_backtests : int
        Held-back cut-offs that the score is judged on, from 1 to 12.
    step_days : int
        Days from one cut-off to the next, from 7 to 365.
    tune_seconds : int
        How long other settings of the models may be tried, from 0 (the tried-out ones are taken) to 3,600.
    seed : int

    Raises
    ------
    SpecError
        If a value is out of its range.
    """

    lapse: LapseSpec = field(default_factory=LapseSpec)
    features: FeatureSpec = field(default_factory=lambda: FeatureSpec(presets=("rfm", "engagement", "commerce")))
    model: str = "boosting"
    cutoff: date | None = None
    n_backtests: int = 3
    step_days: int = 30
    tune_seconds: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.model not in (BEST, *MODELS):
            raise SpecError(f"`model` must be one of {BEST}, {', '.join(MODELS)}, not {self.model!r}.")
        numbers = (("n_backtests", 1, 12), ("step_days", 7, 365), ("tune_seconds", 0, 3600), ("seed", 0, 2**32 - 1))
        for name, low, high in numbers:
            value = getattr(self, name)
            if not low <= value <= high:
                raise SpecError(f"`{name}` must be from {low} to {high}, not {value}.")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which cut-offs teach, which calibrate and which judge; days since 1970.

    Attributes
    ----------
    train_days : tuple of int
        Earliest first.
    calibrate_day : int or None
        The last that may teach anything before the judged one: its labels had matured by then.
    test_day : int
    """

    train_days: tuple[int, ...]
    calibrate_day: int | None
    test_day: int


def schedule(spec: ChurnSpec, first_day: int, score_day: int, most_train: int = MAX_TRAIN) -> Schedule:
    """Choose the cut-offs that may teach a score for a day: their labels had matured by then.

    Parameters
    ----------
    first_day : int
        First day of the data; a cut-off needs a look-back in front of it.
    score_day : int
        The cut-off that is scored.
    most_train : int
        How many cut-offs teach at most.

    Raises
    ------
    SpecError
        If the data are too short for one cut-off that teaches.

    Notes
    -----
    With a label that takes g + H days, T0 may teach the score of T if T0 + g + H ≤ T; anything later would know what
    nobody knew at T. The latest such cut-off calibrates, those before it teach, a step apart; where there is one
    only, it teaches and nothing calibrates.

    Examples
    --------
    >>> spec = ChurnSpec(lapse=LapseSpec(horizon_days=60, gap_days=7, lookback_days=90), step_days=30)
    >>> schedule(spec, 0, 400)
    Schedule(train_days=(93, 123, 153, 183, 213, 243, 273, 303), calibrate_day=333, test_day=400)
    """
    lapse = spec.lapse
    latest = score_day - lapse.label_days
    earliest = first_day + lapse.lookback_days
    days = tuple(range(latest, earliest - 1, -spec.step_days))[: most_train + 1]
    if not days:
        needed = lapse.lookback_days + lapse.label_days
        raise SpecError(
            f"The data must reach back {needed} days before the cut-off, not {score_day - first_day}: it takes"
            f" {lapse.lookback_days} days to know who is a user and {lapse.label_days} to see who lapses.",
            hint="Choose a shorter look-back or horizon, or a later cut-off.",
        )
    if len(days) == 1:
        return Schedule(days, None, score_day)
    return Schedule(tuple(reversed(days[1:])), days[0], score_day)
