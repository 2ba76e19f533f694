"""An encoder of event sequences that learns without labels, by foretelling each next step."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from retention.errors import SpecError
from retention.sequences.model_net import FIRST_KIND, Steps, drawn, network, read_by, taught, torch_or_advice
from retention.sequences.table import SequenceTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MIN_SEQUENCES = 50
RATE = 0.01


class EventEncoder(BaseEstimator):
    """Learn what comes next, and describe each user by what the network has in mind while it reads.

    Parameters
    ----------
    cell : {"gru", "lstm", "transformer"}, default "transformer"
    width : int, default 32
        Of the embedding.
    n_layers : int, default 2
    n_epochs : int, default 5
        At most; it stops earlier when the users held back are no longer foretold better.
    patience : int, default 2
    max_fit_rows : int, default 20000
        Learn from so many users at most, drawn at random.
    random_state : int, default 0

    Attributes
    ----------
    names_ : tuple of str
        Kinds of events that it has seen; others are read as unknown.
    weights_ : dict of str to ndarray
    curve_ : ndarray, shape (n_passes, 2)
        Cross-entropy of the next step (its kind, and the time until it, in nats), on the users learned from and on
        every tenth, which is held back.

    Notes
    -----
    The user is the mean of the states after each step.

    References
    ----------
    Radford, A., Narasimhan, K., Salimans, T. & Sutskever, I. (2018). Improving language understanding by generative
    pre-training.
    """

    def __init__(
        self,
        cell: str = "transformer",
        width: int = 32,
        n_layers: int = 2,
        n_epochs: int = 5,
        patience: int = 2,
        max_fit_rows: int = 20_000,
        random_state: int = 0,
    ) -> None:
        self.cell = cell
        self.width = width
        self.n_layers = n_layers
        self.n_epochs = n_epochs
        self.patience = patience
        self.max_fit_rows = max_fit_rows
        self.random_state = random_state

    def fit(self, X: SequenceTable, y: Any = None) -> EventEncoder:
        """Learn from all users with two steps or more.

        Raises
        ------
        SpecError
            If torch is not installed, or there are too few such users.
        """
        torch_or_advice()
        rows = canonical(X, np.flatnonzero(X.lengths >= 2))
        if len(rows) < MIN_SEQUENCES:
            raise SpecError(
                f"Too few sequences to learn from: {len(rows):,} users did two things or more; it takes {MIN_SEQUENCES}.",
                hint="Choose a later cut-off.",
            )
        random = np.random.default_rng(self.random_state)
        if len(rows) > self.max_fit_rows:
            rows = rows[np.sort(random.choice(len(rows), self.max_fit_rows, replace=False))]
        table = X.taken(rows)
        self.names_ = names_seen(table)
        place = np.arange(table.n_users)
        is_held = place % 10 == 0
        found = taught(
            partial(net_of, self.cell, len(self.names_), self.width, self.n_layers),
            drawn(net_of(self.cell, len(self.names_), self.width, self.n_layers, torch_or_advice()), self.random_state),
            Steps.of(table, self.names_), place[~is_held], place[is_held], lambda net, batch, rows: net.surprise(batch),
            n_epochs=self.n_epochs, patience=self.patience, rate=RATE, seed=self.random_state,
        )  # fmt: skip
        self.weights_, self.curve_, self.best_ = found.weights, found.curve, found.best
        return self

    def transform(self, X: SequenceTable) -> Floats:
        """Describe each user by `width` numbers."""
        check_is_fitted(self)
        made = partial(net_of, self.cell, len(self.names_), self.width, self.n_layers)
        return read_by(made, self.weights_, Steps.of(X, tuple(self.names_)), "embedding", self.width)


def net_of(cell: str, n_names: int, width: int, n_layers: int, torch: Any) -> Any:
    """Make a network for so many kinds of events."""
    return network(torch, cell, FIRST_KIND + n_names, width, n_layers)


def names_seen(table: SequenceTable) -> tuple[str, ...]:
    """List the kinds of events that occur."""
    return tuple(table.vocabulary[i] for i in np.unique(table.kinds))


def canonical(table: SequenceTable, rows: Ints) -> Ints:
    """Put rows into the order of their cut-offs and users, so that what is learned does not depend on theirs."""
    return rows[np.lexsort((table.user_keys[rows], table.cutoff_days[rows]))]
