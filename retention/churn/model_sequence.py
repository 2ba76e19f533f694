"""Models that read the events themselves: who will lapse, from what a user did, in which order and how far apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from retention.churn.snapshots import CutoffTable, Rows
from retention.errors import SpecError
from retention.sequences.model_encoder import EventEncoder, canonical, names_seen, net_of
from retention.sequences.model_net import Steps, Taught, Weights, drawn, read_by, taught, torch_or_advice
from retention.sequences.spec import MOST_USERS
from retention.sequences.table import SequenceTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LAYERS = {"gru": 1, "lstm": 1, "transformer": 2}
RATES = {"gru": 0.012, "lstm": 0.008, "transformer": 0.004}
PRETRAINING = ("never", "always", "if better")
MIN_PRETRAINED = 500


class SequenceClassifier(ClassifierMixin, BaseEstimator):
    """A recurrent network or a small causal Transformer over event sequences, with a head for lapse at the cut-off.

    Parameters
    ----------
    cell : {"gru", "lstm", "transformer"}, default "gru"
    width : int, default 32
    n_epochs : int, default 10
        At most; it stops `patience` passes after the one that was best on the latest cut-off.
    patience : int, default 3
    pretraining : {"never", "always", "if better"}, default "never"
        Learn to foretell each next step of all users first, then to tell who lapses; "if better" learns the second both
        with and without the first, and keeps what told the held-back rows better.
    max_fit_rows : int, default 20000
        Learn from so many rows at most, drawn at random.
    random_state : int, default 0

    Attributes
    ----------
    names_ : tuple of str
        Kinds of events that it has seen; others are read as unknown.
    weights_ : dict of str to ndarray
    curve_ : ndarray, shape (n_passes, 2)
        Log-loss after each pass on what was learned from, and on what was held back to say when to stop.
    best_ : int
        The pass whose weights were kept, from 0.
    pretraining_curve_ : ndarray, shape (n_passes, 2)
        The same of the pre-training, see `EventEncoder`; empty without.
    other_curve_ : ndarray, shape (n_passes, 2)
        Of "if better": `curve_` of the one that was not kept.
    is_pretrained_ : bool
        Whether what was kept began with pre-trained weights.
    is_split_by_time_ : bool
        Whether the rows held back are those of the latest cut-off, or every fifth where there is one cut-off only.

    References
    ----------
    Radford, A., Narasimhan, K., Salimans, T. & Sutskever, I. (2018). Improving language understanding by generative
    pre-training.
    """

    def __init__(
        self,
        cell: str = "gru",
        width: int = 32,
        n_epochs: int = 10,
        patience: int = 3,
        pretraining: str = "never",
        max_fit_rows: int = 20_000,
        random_state: int = 0,
    ) -> None:
        self.cell = cell
        self.width = width
        self.n_epochs = n_epochs
        self.patience = patience
        self.pretraining = pretraining
        self.max_fit_rows = max_fit_rows
        self.random_state = random_state

    def fit(self, X: SequenceTable, y: Any, unlabelled: SequenceTable | None = None) -> SequenceClassifier:
        """Learn from sequences whose outcome is known.

        Parameters
        ----------
        X : SequenceTable
            One row per user and cut-off.
        y : array-like of two classes
        unlabelled : SequenceTable, optional
            Of all users, for the pre-training; by default those of `X`.

        Raises
        ------
        SpecError
            If torch is not installed.
        """
        torch = torch_or_advice()
        self.classes_ = np.unique(np.asarray(y))
        if len(self.classes_) != 2:
            raise ValueError(f"it takes two classes to learn, not {len(self.classes_)}")
        rows = canonical(X, np.arange(X.n_users))
        if len(rows) > self.max_fit_rows:
            drawn_rows = np.random.default_rng(self.random_state).choice(len(rows), self.max_fit_rows, replace=False)
            rows = rows[np.sort(drawn_rows)]
        table = X.taken(rows)
        target = (np.asarray(y)[rows] == self.classes_[1]).astype(np.float32)
        if self.pretraining not in PRETRAINING:
            raise ValueError(f"`pretraining` must be one of {', '.join(PRETRAINING)}, not {self.pretraining!r}")
        hold, self.is_split_by_time_ = _held_back(table, target)
        begins = self._begins(torch, table, unlabelled)
        found = [self._fine_tuned(torch, table, target, hold, weights) for weights in begins.values()]
        least = [result.curve[result.best, 1] for result in found]
        kept = int(np.argmin(least))
        self.is_pretrained_ = list(begins)[kept] == "pre-trained"
        self.weights_, self.curve_, self.best_ = found[kept].weights, found[kept].curve, found[kept].best
        self.other_curve_ = found[1 - kept].curve if len(found) > 1 else np.empty((0, 2))
        return self

    def _begins(self, torch: Any, table: SequenceTable, unlabelled: SequenceTable | None) -> dict[str, Weights]:
        """Return the weights to begin with, pre-trained or drawn or both, and learn which kinds of events there are."""
        everybody = table if unlabelled is None else unlabelled
        self.pretraining_curve_ = np.empty((0, 2))
        begins: dict[str, Weights] = {}
        # A kind that nobody with an outcome has done is one that the pre-training alone knows.
        self.names_ = names_seen(table)
        if self.pretraining != "never" and (everybody.lengths >= 2).sum() >= MIN_PRETRAINED:
            encoder = EventEncoder(
                self.cell, self.width, LAYERS[self.cell], max_fit_rows=self.max_fit_rows, random_state=self.random_state
            ).fit(everybody)
            self.names_, self.pretraining_curve_ = encoder.names_, encoder.curve_
            begins["pre-trained"] = encoder.weights_
        if self.pretraining == "if better" or not begins:
            net = net_of(self.cell, len(self.names_), self.width, LAYERS[self.cell], torch)
            begins["drawn"] = drawn(net, self.random_state)
        return begins

    def _fine_tuned(
        self, torch: Any, table: SequenceTable, target: NDArray[np.float32], hold: NDArray[np.bool_], begin: Weights
    ) -> Taught:
        """Learn who lapses, from these weights on."""
        # Begin at the base rate: no pass is spent on finding it.
        start = {**begin, "lapse.bias": np.log([target.mean() / (1 - target.mean())]).astype(np.float32)}
        target_of = torch.as_tensor(target)

        def loss_of(net: Any, batch: Any, some: Ints) -> Any:
            wanted = target_of[torch.as_tensor(some)].to(batch.static)
            return torch.nn.functional.binary_cross_entropy_with_logits(net.log_odds(batch), wanted)

        return taught(
            partial(net_of, self.cell, len(self.names_), self.width, LAYERS[self.cell]), start,
            Steps.of(table, self.names_), np.flatnonzero(~hold), np.flatnonzero(hold), loss_of,
            n_epochs=self.n_epochs, patience=self.patience, rate=RATES[self.cell], seed=self.random_state,
        )  # fmt: skip

    def log_odds(self, X: SequenceTable) -> Floats:
        """Return the log-odds of the second class."""
        check_is_fitted(self)
        made = partial(net_of, self.cell, len(self.names_), self.width, LAYERS[self.cell])
        return read_by(made, self.weights_, Steps.of(X, tuple(self.names_)), "log_odds", 1)[:, 0]

    def predict_proba(self, X: SequenceTable) -> Floats:
        """Return the probability of staying and of lapsing."""
        lapsed = 1 / (1 + np.exp(-np.clip(self.log_odds(X), -35, 35)))
        return np.column_stack([1 - lapsed, lapsed])

    def predict(self, X: SequenceTable) -> NDArray[Any]:
        """Return the likelier class."""
        return np.asarray(self.classes_[(self.log_odds(X) > 0).astype(int)])

    def embedding(self, X: SequenceTable) -> Floats:
        """Describe each user by `width` numbers: the mean of the states after each step."""
        check_is_fitted(self)
        made = partial(net_of, self.cell, len(self.names_), self.width, LAYERS[self.cell])
        return read_by(made, self.weights_, Steps.of(X, tuple(self.names_)), "embedding", self.width)


def learning_curve(model: Any) -> dict[str, Any]:
    """Say how a sequence model learned, in plain values for its card; nothing of other models.

    Returns
    -------
    dict
        "passes" (rows of the loss on what was learned from and on what was held back), "best" (the pass kept, from 1),
        "held_back" ("the latest cut-off" or "every fifth user"), "pretraining" (the same rows of the next step), "other"
        (of the beginning that was not kept), "is_pretrained", "most_rows".
    """
    if not isinstance(model, SequenceClassifier):
        return {}
    return {
        "passes": model.curve_.tolist(), "best": model.best_ + 1,
        "held_back": "the latest cut-off" if model.is_split_by_time_ else "every fifth user",
        "pretraining": model.pretraining_curve_.tolist(), "other": model.other_curve_.tolist(),
        "most_rows": model.max_fit_rows, "is_pretrained": model.is_pretrained_,
    }  # fmt: skip


def require_sequences(rows: Rows) -> SequenceTable:
    """Return what a sequence model learns from.

    Raises
    ------
    SpecError
        If torch is not installed, or the events have not been read because there are too many users.
    """
    torch_or_advice()
    if rows.sequences is None:
        raise SpecError(f"Sequence models read the events of up to {MOST_USERS:,} users; there are more.")
    return rows.sequences


def sequences_of(table: CutoffTable) -> SequenceTable:
    """Return the sequences of those who could lapse."""
    if table.sequences is None:
        raise ValueError("the sequences of this cut-off have not been read")
    return table.sequences.of(table.user_keys)


def made_up(names: Sequence[str], n_users: int = 64) -> SequenceTable:
    """Make users up that a sequence model can be tried on: they are nobody's, and always the same.

    Notes
    -----
    Whole numbers only, from a generator that will not change with a library's version.
    """
    lengths = np.arange(n_users) % 16 + 1
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    user = np.repeat(np.arange(n_users), lengths)
    steps = np.arange(offsets[-1])
    mixed = (steps * 2654435761) % 4294967296  # Knuth's multiplicative hash
    ages = mixed % (200 * 86_400)
    ages = ages[np.lexsort((-ages, user))]
    return SequenceTable(
        np.arange(n_users), np.zeros(n_users, dtype=np.int64), offsets, ((mixed >> 7) % len(names)).astype(np.int16),
        ages.astype(np.int32), (mixed % 500 / 100).astype(np.float16), np.zeros(len(steps), dtype=np.float16),
        lengths.astype(np.float64), np.full(n_users, 300.0), tuple(names),
    )  # fmt: skip


def _held_back(table: SequenceTable, target: NDArray[np.float32]) -> tuple[NDArray[np.bool_], bool]:
    """Hold back the latest cut-off, where it and those before it hold both outcomes; else every fifth row."""
    is_latest = table.cutoff_days == table.cutoff_days.max()
    both = (target[is_latest], target[~is_latest])
    if all(len(part) >= 50 and 0 < part.mean() < 1 for part in both):
        return is_latest, True
    return np.arange(table.n_users) % 5 == 0, False
