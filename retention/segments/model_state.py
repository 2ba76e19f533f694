"""What a model has learned as plain numbers, so that it can be kept in the store and read again without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from retention.errors import StoreError
from retention.segments.model import REGULARISATION, SegmentModel
from retention.segments.model_reduce import Autoencoder
from retention.segments.model_rfm import RfmGrid
from retention.segments.model_scale import FeatureScaler

FORMAT = 1
SCALER = ("fill_", "n_missing_", "is_log_", "is_constant_", "unit_", "low_", "high_", "centre_", "spread_", "quantiles_")
COMPONENTS = ("components_", "mean_", "explained_variance_", "explained_variance_ratio_")
MIXTURE = ("weights_", "means_", "covariances_", "precisions_cholesky_")
KINDS: dict[str, Any] = {"SegmentModel": SegmentModel, "RfmGrid": RfmGrid}


def state_of(model: SegmentModel | RfmGrid) -> dict[str, Any]:
    """Write down what a fitted model needs to assign users: numbers, texts and lists of them.

    Notes
    -----
    Floats are kept to the last digit by JSON, so the model read again gives the same assignments.
    """
    state: dict[str, Any] = {
        "format": FORMAT,
        "kind": type(model).__name__,
        "params": model.get_params(),
        "n_features": int(model.n_features_in_),
    }
    if isinstance(model, RfmGrid):
        return {**state, "cuts": model.cuts_.tolist()}
    state |= {
        "scaler": _arrays(model.scaler_, SCALER),
        "centres": model.centres_.tolist(),
        "n_found": model.n_found_,
        "n_columns": model.n_columns_,
    }
    if isinstance(model.reducer_, PCA):
        state["components"] = _arrays(model.reducer_, COMPONENTS)
    elif isinstance(model.reducer_, Autoencoder):
        state["layers"] = [[part.tolist() for part in pair] for pair in model.reducer_.weights_]
        state["reconstruction_error"] = model.reducer_.reconstruction_error_
    if model.mixture_ is not None:
        state["mixture"] = _arrays(model.mixture_, MIXTURE)
    if model.neighbours_ is not None:
        state["neighbours"] = {"rows": model.neighbour_rows_.tolist(), "labels": model.neighbour_labels_.tolist()}
    return state


def _arrays(model: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: np.asarray(getattr(model, name)).tolist() for name in names}


def model_of(state: Mapping[str, Any]) -> SegmentModel | RfmGrid:
    """Make the model again that `state_of` wrote down.

    Raises
    ------
    StoreError
        If it was written by a newer version of the program.
    """
    if state.get("format") != FORMAT or state.get("kind") not in KINDS:
        raise StoreError(
            "The segmentation was saved by another version of Holdfast.", hint="Update the program, or make it again."
        )
    model: Any = KINDS[state["kind"]](**state["params"])
    n = int(state["n_features"])
    model.n_features_in_ = n
    if isinstance(model, RfmGrid):
        model.cuts_ = np.array(state["cuts"], dtype=np.float64)
        return model
    model.scaler_ = FeatureScaler(model.log, model.winsorise, model.scale)
    for name in SCALER:
        setattr(model.scaler_, name, np.array(state["scaler"][name]))
    model.scaler_.quantiles_ = model.scaler_.quantiles_.reshape(-1, n)
    model.scaler_.n_features_in_ = n
    model.centres_ = np.array(state["centres"], dtype=np.float64)
    model.n_found_, model.n_columns_ = int(state["n_found"]), int(state["n_columns"])
    model.reducer_ = _reducer_of(model, state, n)
    model.mixture_ = _mixture_of(state)
    model.neighbours_ = None
    if "neighbours" in state:
        model.neighbour_rows_ = np.array(state["neighbours"]["rows"], dtype=np.float64)
        model.neighbour_labels_ = np.array(state["neighbours"]["labels"], dtype=np.int64)
        model.neighbours_ = NearestNeighbors(n_neighbors=1).fit(model.neighbour_rows_)
    return model


def _reducer_of(model: SegmentModel, state: Mapping[str, Any], n: int) -> Any:
    if "components" in state:
        pca = PCA(svd_solver="covariance_eigh")
        for name in COMPONENTS:
            setattr(pca, name, np.array(state["components"][name], dtype=np.float64))
        pca.n_components_, pca.n_features_in_ = len(pca.components_), n
        return pca
    if "layers" in state:
        coder = Autoencoder(model.n_components, random_state=model.random_state)
        coder.weights_ = [(np.array(weight), np.array(shift)) for weight, shift in state["layers"]]
        coder.reconstruction_error_, coder.n_features_in_ = float(state["reconstruction_error"]), n
        return coder
    return None


def _mixture_of(state: Mapping[str, Any]) -> Any:
    if "mixture" not in state:
        return None
    weights = state["mixture"]["weights_"]
    mixture = GaussianMixture(len(weights), reg_covar=REGULARISATION)
    for name in MIXTURE:
        setattr(mixture, name, np.array(state["mixture"][name], dtype=np.float64))
    mixture.precisions_ = np.array([part @ part.T for part in mixture.precisions_cholesky_])
    mixture.n_features_in_ = mixture.means_.shape[1]
    mixture.converged_ = True
    return mixture
