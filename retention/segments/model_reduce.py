"""Fewer columns that keep most of what the many say: principal components, or a small autoencoder."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted, validate_data

from retention.errors import SpecError

Floats = NDArray[np.float64]
LEARNING_RATE = 0.01
BETAS = (0.9, 0.999)


def principal_components(n_components: int, n_features: int) -> PCA:
    """Return scikit-learn's PCA with the solver that gives the same digits each time.

    References
    ----------
    Pearson, K. (1901). On lines and planes of closest fit to systems of points in space.
    """
    return PCA(n_components=min(n_components, n_features), svd_solver="covariance_eigh")


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Squeeze the columns through a narrow layer and learn to restore them.

    Parameters
    ----------
    n_components : int, default 2
        Width of the narrow layer.
    n_hidden : int, default 16
        Width of the layers before and after it.
    n_epochs : int, default 300
        Passes over the rows, all of them at once.
    max_fit_rows : int, default 20000
        Learn from so many rows at most.
    random_state : int, default 0

    Attributes
    ----------
    weights_ : list of (ndarray, ndarray)
        Matrix and shift of each of the four layers.
    reconstruction_error_ : float
        Share of the variance that is not restored, on the rows learned from.

    Raises
    ------
    SpecError
        By `fit`, if torch is not installed; what was learned works without it.

    References
    ----------
    Hinton, G. E. & Salakhutdinov, R. R. (2006). Reducing the dimensionality of data with neural networks. Science 313.
    """

    def __init__(
        self,
        n_components: int = 2,
        n_hidden: int = 16,
        n_epochs: int = 300,
        max_fit_rows: int = 20_000,
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.n_hidden = n_hidden
        self.n_epochs = n_epochs
        self.max_fit_rows = max_fit_rows
        self.random_state = random_state

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components)

    def fit(self, X: Any, y: Any = None) -> Autoencoder:
        """Learn the layers."""
        values = validate_data(self, X, dtype=np.float64)
        torch = torch_or_advice()
        random = np.random.default_rng(self.random_state)
        if len(values) > self.max_fit_rows:
            values = values[np.sort(random.choice(len(values), self.max_fit_rows, replace=False))]
        d = values.shape[1]
        widths = (d, self.n_hidden, self.n_components, self.n_hidden, d)
        layers = [
            (random.normal(0, np.sqrt(2 / (a + b)), (a, b)), np.zeros(b))
            for a, b in pairwise(widths)
        ]
        n_threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums of floats depend on how they are shared out
        try:
            self.weights_ = _learned(torch, values, layers, self.n_epochs)
        finally:
            torch.set_num_threads(n_threads)
        restored = _forward(values, self.weights_)
        variance = ((values - values.mean(axis=0)) ** 2).sum()
        self.reconstruction_error_ = float(((values - restored) ** 2).sum() / variance) if variance > 0 else 0.0
        return self

    def transform(self, X: Any) -> Floats:
        """Give the narrow layer."""
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, reset=False)
        return _forward(values, self.weights_[:2])

    def inverse_transform(self, X: Any) -> Floats:
        """Restore the columns from the narrow layer."""
        check_is_fitted(self)
        values = np.asarray(X, dtype=np.float64)
        return _forward(values, self.weights_[2:])


def torch_or_advice() -> Any:
    """Import torch.

    Raises
    ------
    SpecError
        If it is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise SpecError(
            "The autoencoder needs the library torch, which is not installed.",
            hint="Choose PCA, or install torch: pip install torch.",
        ) from None
    return torch


def _forward(values: Floats, layers: list[tuple[Floats, Floats]]) -> Floats:
    """Run layers, with tanh after every other one: the hidden ones; the narrow one and the output are linear."""
    for i, (weight, shift) in enumerate(layers):
        values = values @ weight + shift
        if i % 2 == 0:
            values = np.tanh(values)
    return values


def _learned(torch: Any, values: Floats, layers: list[tuple[Floats, Floats]], n_epochs: int) -> list[tuple[Floats, Floats]]:
    """Minimise the squared error of the restored columns with Adam."""
    parameters = [[torch.tensor(part.tolist(), dtype=torch.float64, requires_grad=True) for part in pair] for pair in layers]
    flat = [part for pair in parameters for part in pair]
    optimiser = torch.optim.Adam(flat, lr=LEARNING_RATE, betas=BETAS)
    rows = torch.tensor(values.tolist(), dtype=torch.float64)
    for _ in range(n_epochs):
        optimiser.zero_grad()
        out = rows
        for i, (weight, shift) in enumerate(parameters):
            out = out @ weight + shift
            if i % 2 == 0:
                out = torch.tanh(out)
        loss = ((out - rows) ** 2).mean()
        loss.backward()
        optimiser.step()
    learned = [[np.array(part.detach().tolist(), dtype=np.float64) for part in pair] for pair in parameters]
    return [(weight.reshape(old[0].shape), shift) for (weight, shift), old in zip(learned, layers, strict=True)]
