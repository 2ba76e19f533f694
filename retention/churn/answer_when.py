"""When will users lapse? Read-only, from one snapshot of the store."""

from __future__ import annotations

from collections.abc import Callable

from retention.churn.answer import Progress, days_sql, features_asked, first_day, score_day
from retention.churn.model_when import CHOSEN, FittedTimes, judged_times, risk_groups, told, unjudged
from retention.churn.query_when import lives
from retention.churn.spec import ChurnSpec
from retention.churn.when import LapseTimes, Lives, Plan, RiskGroup, drawn_lives, lives_of, plan_of, stacked_lives
from retention.cohorts.answer import is_everybody, population
from retention.errors import SpecError
from retention.features.answer import features_of
from retention.periods import date_of
from retention.store import Snapshot, Store

MOST_LIVES = 20_000
"""Lives of a cut-off that teach or judge: more tell nothing new, and take gigabytes."""


def lapse_times(store: Store, spec: ChurnSpec, progress: Progress = lambda share, text: None) -> LapseTimes:
    """When do users pay their last visit?

    Parameters
    ----------
    spec : ChurnSpec
        Its horizon is the silence that counts as a lapse; gap and model play no part.

    Raises
    ------
    SpecError
        If the data are too short to follow anybody for 28 days and a silence on top, or fewer than 50 lives were seen to end.
    """
    with store.snapshot() as snapshot:
        cutoff_day = score_day(snapshot, spec.cutoff)
        lapse = spec.lapse
        plan = plan_of(first_day(snapshot), lapse.lookback_days, lapse.horizon_days, cutoff_day)
        n_reads = len(plan.train_days) + len(plan.judge_train_days) + 1 + (plan.judge_day is not None)
        n_read = [0]

        def at(day: int, until: int) -> Lives:
            n_read[0] += 1
            progress(0.6 * n_read[0] / n_reads, f"reading users as of {date_of(day)}")
            found = lives_at(snapshot, spec, day, until)
            # Only of those who are told something all are needed.
            return found if day == cutoff_day else drawn_lives(found, MOST_LIVES, spec.seed)

        now = at(cutoff_day, cutoff_day)
        teaching = stacked_lives([at(day, cutoff_day) for day in plan.train_days], now)
        judge_teaching, judged_lives = _judging(plan, at)
        data_version = snapshot.catalogue.data_version
    models, groups = unjudged(), tuple[RiskGroup, ...]()
    if judge_teaching is not None and judged_lives is not None:
        progress(0.65, f"judging on users as of {date_of(plan.judge_day or 0)}")
        try:
            models, judge = judged_times(judged_lives, judge_teaching, plan.follow_days, spec.seed)
            groups = risk_groups(judge, judged_lives, plan.follow_days)
        except SpecError:
            # Too few lives to judge with may still be enough to say something now; the page says that nobody has judged it.
            judged_lives = None
    progress(0.9, f"teaching for {date_of(cutoff_day)}")
    fitted = FittedTimes(CHOSEN, spec.seed).fit(teaching)
    return LapseTimes(
        spec=spec,
        plan=plan,
        data_version=data_version,
        cutoff_on=date_of(cutoff_day),
        follow_days=plan.follow_days,
        window_days=lapse.horizon_days,
        n_rows=teaching.n_users,
        n_observed=int(teaching.is_observed.sum()),
        models=models,
        groups=groups,
        n_judged=0 if judged_lives is None else judged_lives.n_users,
        n_judged_silent=0 if judged_lives is None else judged_lives.n_silent,
        users=told(fitted, now, plan.follow_days),
        n_silent=now.n_silent,
    )


def lives_at(snapshot: Snapshot, spec: ChurnSpec, at_day: int, until_day: int) -> Lives:
    """Who was followed from a cut-off on, what was known of them there, and how long did they stay?

    Parameters
    ----------
    until_day : int
        Days from this one on are not looked at.

    Raises
    ------
    SpecError
        If nobody was active in the look-back.
    """
    lapse = spec.lapse
    who = None if is_everybody(lapse.where) else population(snapshot.catalogue, lapse.where)
    days = days_sql(snapshot, lapse)
    rows = snapshot.read(lives(days, who, at_day, until_day, lapse.lookback_days, lapse.horizon_days))
    if not len(rows):
        raise SpecError(
            f"Nobody was active within {lapse.lookback_days} days before {date_of(at_day)}.",
            hint="Choose a longer look-back, or another cut-off.",
        )
    features = features_of(snapshot, features_asked(spec, at_day))
    return lives_of(features, rows, at_day, until_day, lapse.horizon_days)


def _judging(plan: Plan, at: Callable[[int, int], Lives]) -> tuple[Lives | None, Lives | None]:
    """Read what teaches before the judged cut-off, nothing later than it, and what came after it."""
    if plan.judge_day is None:
        return None, None
    judged_lives = at(plan.judge_day, plan.cutoff_day)
    return stacked_lives([at(day, plan.judge_day) for day in plan.judge_train_days], judged_lives), judged_lives
