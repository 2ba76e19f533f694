"""What a sequence model lives on, and whether learning without labels first is worth it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.churn.judgement import MIN_EACH, Ranked, differences
from retention.churn.model_sequence import SequenceClassifier, sequences_of
from retention.churn.snapshots import CutoffTable, Rows
from retention.sequences.table import SequenceTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_SHUFFLED = 2_000


class _Scorer(Protocol):
    def scores(self, table: CutoffTable) -> Floats: ...


def importance_of_parts(fitted: _Scorer, table: CutoffTable, *, n_repeats: int = 5, seed: int = 0) -> pd.DataFrame:
    """Measure how much ROC AUC is lost on held-back users when a part of what they did is dealt out at random.

    Parameters
    ----------
    table : CutoffTable
        With outcomes and sequences; of more than 2,000 users, so many are drawn.

    Returns
    -------
    DataFrame
        feature, value, low, high (95 %), as `model_reasons.importance` gives them; the largest loss first.

    Notes
    -----
    A sequence model has no columns that could be shuffled. Its parts are: the silence before the cut-off, the gaps
    between the steps, what was done, in which order, the amounts, and how long the history is. The interval is the mean
    over the repeats of paired bootstrap intervals: too wide rather than too narrow.

    References
    ----------
    Breiman, L. (2001). Random forests. Machine Learning 45.
    """
    if table.lapsed is None:
        raise ValueError("importance needs a cut-off whose outcomes are known")
    random = np.random.default_rng(seed)
    if table.n_users > MOST_SHUFFLED:
        table = table.at(np.sort(random.choice(table.n_users, MOST_SHUFFLED, replace=False)))
    lapsed = table.lapsed
    assert lapsed is not None
    columns = ["feature", "value", "low", "high"]
    if min(lapsed.sum(), (1 - lapsed).sum()) < MIN_EACH:
        return pd.DataFrame([(name, np.nan, np.nan, np.nan) for name in PARTS], columns=columns)
    own, whole = sequences_of(table), fitted.scores(table)
    rows = []
    for name, dealt in PARTS.items():
        lost = []
        for repeat in range(n_repeats):
            mixed = replace(table, sequences=dealt(own, np.random.default_rng([seed, repeat])))
            lost.append(differences(lapsed, whole, fitted.scores(mixed), n_draws=100, seed=repeat))
        rows.append((name, *(float(np.mean([getattr(f, what) for f in lost])) for what in ("value", "low", "high"))))
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values(["value", "feature"], ascending=[False, True], ignore_index=True)


def _silence(table: SequenceTable, random: np.random.Generator) -> SequenceTable:
    """Give each user the silence of another, the steps before it as far apart as they were."""
    last = table.ages[table.offsets[1:] - 1].astype(np.int64)
    moved = random.permutation(last) - last
    return replace(
        table, ages=(table.ages + np.repeat(moved, table.lengths)).astype(np.int32),
        days_known=np.maximum(table.days_known + moved / 86_400, 0.0),
    )  # fmt: skip


def _rhythm(table: SequenceTable, random: np.random.Generator) -> SequenceTable:
    """Deal the gaps between the steps out among all users; the silence stays."""
    first = np.zeros(len(table.ages), dtype=bool)
    first[table.offsets[:-1]] = True
    gaps = np.zeros(len(table.ages), dtype=np.int64)
    gaps[1:] = table.ages[:-1].astype(np.int64) - table.ages[1:]
    gaps[~first] = random.permutation(gaps[~first])
    gaps[first] = 0
    # The age of a step is the silence, and the gaps of those after it.
    passed = np.cumsum(gaps)
    total = np.repeat(passed[table.offsets[1:] - 1], table.lengths)
    last = np.repeat(table.ages[table.offsets[1:] - 1].astype(np.int64), table.lengths)
    return replace(table, ages=np.minimum(last + total - passed, 2**31 - 1).astype(np.int32))


def _kinds(table: SequenceTable, random: np.random.Generator) -> SequenceTable:
    """Deal what was done out among all steps of all users."""
    order = random.permutation(len(table.kinds))
    return replace(table, kinds=table.kinds[order], amounts=table.amounts[order], sizes=table.sizes[order])


def _order(table: SequenceTable, random: np.random.Generator) -> SequenceTable:
    """Deal what a user did out among the user's own steps: as much of each, in another order."""
    user = np.repeat(np.arange(table.n_users), table.lengths)
    order = np.lexsort((random.random(len(user)), user))
    return replace(table, kinds=table.kinds[order], amounts=table.amounts[order], sizes=table.sizes[order])


def _amounts(table: SequenceTable, random: np.random.Generator) -> SequenceTable:
    """Deal the amounts out among the steps that have one."""
    amounts, has = table.amounts.copy(), np.isfinite(table.amounts)
    amounts[has] = random.permutation(amounts[has])
    return replace(table, amounts=amounts)


def _history(table: SequenceTable, random: np.random.Generator) -> SequenceTable:
    """Give each user another one's number of steps and days known."""
    order = random.permutation(table.n_users)
    return replace(table, n_before=table.n_before[order], days_known=table.days_known[order])


PARTS: dict[str, Callable[[SequenceTable, np.random.Generator], SequenceTable]] = {
    "Silence at the end": _silence,
    "Gaps between steps": _rhythm,
    "What was done": _kinds,
    "Order of the steps": _order,
    "Amounts": _amounts,
    "Length of the history": _history,
}
"""What a sequence is made of, and how to spoil each."""


def label_curve(
    cell: str,
    train: Rows,
    test: CutoffTable,
    shares: Sequence[float] = (0.05, 0.2, 1.0),
    *,
    n_epochs: int = 6,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure what learning without labels first is worth, with few labels and with all.

    Parameters
    ----------
    train : Rows
        With sequences, and those of all users before the latest cut-off for the pre-training.
    test : CutoffTable
        A later cut-off whose outcomes are known.
    shares : sequence of float
        Of the users whose outcome may be learned from; each smaller share lies within the larger ones.

    Returns
    -------
    DataFrame
        share, n_rows, n_lapsed, auc_without, auc_with, gain, gain_low, gain_high (95 %, paired bootstrap).
    """
    if train.sequences is None or test.lapsed is None:
        raise ValueError("it takes sequences and outcomes")
    users = np.unique(train.sequences.user_keys)
    mixed = np.random.default_rng(seed).permutation(users)
    rows = []
    for share in shares:
        chosen = np.flatnonzero(np.isin(train.sequences.user_keys, mixed[: max(round(share * len(users)), 1)]))
        some, lapsed = train.sequences.taken(chosen), train.lapsed[chosen]
        said = {}
        for way in ("never", "always"):
            model = SequenceClassifier(cell, n_epochs=n_epochs, pretraining=way, random_state=seed)
            model.fit(some, lapsed, train.unlabelled)
            said[way] = model.log_odds(sequences_of(test))
        auc = {way: Ranked(test.lapsed, s, is_probability=False).figures()["auc"] for way, s in said.items()}
        gain = differences(test.lapsed, said["always"], said["never"], seed=seed)
        rows.append(
            (share, len(chosen), int(lapsed.sum()), auc["never"], auc["always"], gain.value, gain.low, gain.high)
        )
    names = ["share", "n_rows", "n_lapsed", "auc_without", "auc_with", "gain", "gain_low", "gain_high"]
    return pd.DataFrame(rows, columns=names)
