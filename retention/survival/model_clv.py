"""Patterns of buying to expected orders and value: the two models put to work together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from retention.errors import SpecError
from retention.intervals import Z95
from retention.periods import date_of
from retention.survival.model_bgnbd import BgNbd, fit_bgnbd
from retention.survival.model_clv_fit import Fit
from retention.survival.model_gamma_gamma import GammaGamma, fit_gamma_gamma
from retention.survival.result_clv import BAND_WORDS, Clv, Holdout, Watch
from retention.survival.spec_clv import SHARES, ClvSpec

OPEN_X = 7
"""Buyers with so many repeat orders or more are shown together."""
DRAWN_BUYERS = 100_000
PATTERN = ["x", "t_x", "t"]


@dataclass(frozen=True, slots=True)
class FittedBuyers:
    """The two models, fitted, and their patterns with what is expected of each.

    Attributes
    ----------
    model, fit
        BG/NBD, in units of the spec.
    spend : GammaGamma or None
    spend_fit : Fit or None
    spend_note : str
        Why there is no spend model.
    spend_correlation : float
    patterns : DataFrame
        One row a pattern: x, t_x, t (days), n_spent, n, total, after, after_squared, and per buyer: alive,
        expected (orders within the horizon), spend (per order), value; band.
    """

    model: BgNbd
    fit: Fit
    spend: GammaGamma | None
    spend_fit: Fit | None
    spend_note: str
    spend_correlation: float
    patterns: pd.DataFrame


def fitted_buyers(patterns: pd.DataFrame, spends: pd.DataFrame, spec: ClvSpec) -> FittedBuyers:
    """Fit both models and say what is expected of each pattern.

    Raises
    ------
    SpecError
        If there are too few buyers who came back, or the data do not tell the parameters.
    """
    frame = patterns.sort_values([*PATTERN, "n_spent"], ignore_index=True).astype(float)
    days = float(spec.unit_days)
    x, t_x, length, n = frame["x"], frame["t_x"] / days, frame["t"] / days, frame["n"]
    whole = frame.groupby(PATTERN, as_index=False)["n"].sum()
    model, fit = fit_bgnbd(whole["x"], whole["t_x"] / days, whole["t"] / days, whole["n"])
    spend, spend_fit, note, link = _spend(spends)
    expected = model.conditional_purchases(spec.horizon, x, t_x, length)
    per_order = (
        np.full(len(frame), np.nan) if spend is None else spend.expected_spend(frame["n_spent"], frame["total"] / n)
    )
    frame = frame.assign(
        alive=model.alive_probability(x, t_x, length),
        expected=expected,
        spend=per_order,
        value=per_order * expected,
    )
    return FittedBuyers(model, fit, spend, spend_fit, note, link, frame.assign(band=_bands(frame)))


def _spend(spends: pd.DataFrame) -> tuple[GammaGamma | None, Fit | None, str, float]:
    frame = spends.sort_values(["n_spent", "spent"]).astype(float)
    x, mean, n = frame["n_spent"], frame["spent"] / frame["n_spent"], frame["n"]
    link = _correlation(x.to_numpy(), mean.to_numpy(), n.to_numpy())
    try:
        spend, fit = fit_gamma_gamma(x, mean, n)
    except SpecError as error:
        return None, None, f"There is no estimate of spend: {error}", link
    if spend.q <= 1:
        return None, None, "There is no estimate of spend: a few very large orders leave its mean undetermined.", link
    return spend, fit, "", link


def _correlation(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> float:
    if weight.sum() == 0:
        return float("nan")
    a, b = a - np.average(a, weights=weight), b - np.average(b, weights=weight)
    both = np.sqrt((weight @ a**2) * (weight @ b**2))
    return float(weight @ (a * b) / both) if both > 0 else float("nan")


def _bands(frame: pd.DataFrame) -> list[str]:
    """Rank patterns by expected orders; a pattern lies whole in the band in which it begins."""
    ranked = frame.groupby(PATTERN, as_index=False).agg(n=("n", "sum"), expected=("expected", "first"))
    ranked = ranked.sort_values(["expected", *PATTERN], ascending=False, ignore_index=True)
    before = ranked["n"].cumsum() - ranked["n"]
    ends = np.array([share * ranked["n"].sum() for share in SHARES.values()])
    place = np.minimum(np.searchsorted(ends, before.to_numpy(), side="right"), len(ends) - 1)
    names = list(SHARES)
    of = {tuple(key): names[i] for key, i in zip(ranked[PATTERN].to_numpy().tolist(), place, strict=True)}
    return [of[tuple(key)] for key in frame[PATTERN].to_numpy().tolist()]


def buyers_of_band(patterns: pd.DataFrame, band: str) -> pd.DataFrame:
    """Return the patterns of a list."""
    if band == "quiet":
        return patterns[(patterns["x"] > 0) & (patterns["alive"] < 0.5)]
    return patterns[patterns["band"] == band]


def highest(patterns: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the patterns at the top of the ranking that hold at most `most` buyers (at least one pattern)."""
    whole = patterns.groupby(PATTERN, as_index=False).agg(n=("n", "sum"), expected=("expected", "first"))
    whole = whole.sort_values(["expected", *PATTERN], ascending=False, ignore_index=True)
    return whole[(whole["n"].cumsum() <= most) | (whole.index == 0)]


def ranking(rows: pd.DataFrame, found: FittedBuyers, spec: ClvSpec) -> pd.DataFrame:
    """Return listed buyers with what is expected of each, the highest first.

    Parameters
    ----------
    rows : DataFrame
        user_key, pseudonym, x, t_x, t, n_spent, spent.

    Returns
    -------
    DataFrame
        user_key, pseudonym, n_orders (days), days_since (the last), expected, spend, value, alive.
    """
    days = float(spec.unit_days)
    x, t_x, length = rows["x"].astype(float), rows["t_x"] / days, rows["t"] / days
    expected = found.model.conditional_purchases(spec.horizon, x, t_x, length)
    spend = (
        np.full(len(rows), np.nan)
        if found.spend is None
        else found.spend.expected_spend(rows["n_spent"], rows["spent"].astype(float))
    )
    frame = pd.DataFrame(
        {
            "user_key": rows["user_key"],
            "pseudonym": rows["pseudonym"],
            "n_orders": rows["x"].astype("int64") + 1,
            "days_since": (rows["t"] - rows["t_x"]).astype("int64"),
            "expected": expected,
            "spend": spend,
            "value": spend * expected,
            "alive": found.model.alive_probability(x, t_x, length),
        }
    )
    return frame.sort_values(["expected", "user_key"], ascending=[False, True], ignore_index=True)


def buyer_value(found: FittedBuyers, after: pd.DataFrame | None, spec: ClvSpec, watch: Watch) -> Clv:
    """Sum up what is expected of all buyers.

    Parameters
    ----------
    after : DataFrame, optional
        days_after, n: orders held back, by the days since `watch.last_day`.
    """
    frame = found.patterns
    low, high = _range(found, spec)
    return Clv(
        spec=spec,
        clock=watch.clock,
        data_version=watch.data_version,
        last_on=date_of(watch.last_day),
        n_buyers=int(frame["n"].sum()),
        n_repeat=int(frame.loc[frame["x"] > 0, "n"].sum()),
        bgnbd=_figures(found.fit),
        gamma_gamma=None if found.spend_fit is None else {**_figures(found.spend_fit), "n": found.spend_fit.n},
        spend_note=found.spend_note,
        spend_correlation=found.spend_correlation,
        expected=float(frame["n"] @ frame["expected"]),
        low=low,
        high=high,
        value=float(frame["n"] @ frame["value"]),
        by_unit=_by_unit(found, spec, watch.last_day),
        by_x=_by_x(found, spec, watch, is_held=after is not None),
        bands=_band_table(frame),
        holdout=None if after is None else _holdout(found, after, spec, watch),
        has_gap=watch.has_gap,
    )


def _figures(fit: Fit) -> dict[str, float]:
    errors = {f"se_{name}": error for name, error in fit.errors.items()}
    return {**fit.values, "log_likelihood": fit.log_likelihood, **errors}


def _ahead(found: FittedBuyers, spec: ClvSpec, lengths: np.ndarray) -> np.ndarray:
    """Return the expected orders of each pattern's buyer within each horizon, shape (n_horizons, n_patterns)."""
    frame, days = found.patterns, float(spec.unit_days)
    return np.array(
        [
            found.model.conditional_purchases(float(h), frame["x"], frame["t_x"] / days, frame["t"] / days)
            for h in lengths
        ]
    )


def _by_unit(found: FittedBuyers, spec: ClvSpec, last_day: int) -> pd.DataFrame:
    grown = np.diff(_ahead(found, spec, np.arange(1, spec.horizon + 1)), axis=0, prepend=0.0)
    n, spend = found.patterns["n"].to_numpy(), found.patterns["spend"].to_numpy()
    return pd.DataFrame(
        {
            "number": range(1, spec.horizon + 1),
            "from_on": [date_of(last_day + 1 + k * spec.unit_days) for k in range(spec.horizon)],
            "expected": grown @ n,
            "value": grown @ (n * spend),
        }
    )


def _by_x(found: FittedBuyers, spec: ClvSpec, watch: Watch, *, is_held: bool) -> pd.DataFrame:
    frame = found.patterns.assign(group=np.minimum(found.patterns["x"], OPEN_X).astype(int))
    parts = {"alive": "alive", "expected": "expected", "value": "value"}
    if is_held:
        held = (watch.end_day - 1 - watch.last_day) / spec.unit_days
        frame = frame.assign(predicted=_ahead(found, spec, np.array([held]))[0], actual=frame["after"] / frame["n"])
        parts |= {"predicted": "predicted", "actual": "actual"}
    weighted = frame[list(parts)].mul(frame["n"], axis=0).assign(n=frame["n"], group=frame["group"])
    sums = weighted.groupby("group", as_index=False).sum(min_count=1)
    table = pd.DataFrame(
        {
            "label": [f"{x}+" if x == OPEN_X else str(x) for x in sums["group"]],
            "x": sums["group"],
            "n": sums["n"].astype("int64"),
        }
    )
    return table.assign(**{name: sums[name] / sums["n"] for name in parts})


def _band_table(frame: pd.DataFrame) -> pd.DataFrame:
    total = float(frame["n"] @ frame["expected"])
    rows = []
    for band, words in BAND_WORDS.items():
        mine = buyers_of_band(frame, band)
        n = float(mine["n"].sum())
        if n:
            expected = float(mine["n"] @ mine["expected"])
            value, alive = float(mine["n"] @ mine["value"]), float(mine["n"] @ mine["alive"]) / n
            rows.append((band, words, int(n), expected, expected / total if total else np.nan, value, alive))
    return pd.DataFrame(rows, columns=["band", "words", "n", "expected", "share", "value", "alive"])


def _range(found: FittedBuyers, spec: ClvSpec) -> tuple[float, float]:
    """Return the 95 % range of all orders within the horizon.

    Notes
    -----
    Two sources: the parameters (delta method over their logarithms) and chance, which is the sum of the
    buyers' variances, estimated from one draw of the future of each buyer, of 100,000 at most. The draw is
    seeded, so the range repeats.
    """
    frame, days = found.patterns, float(spec.unit_days)
    x, t_x, length = (frame[c].to_numpy() / d for c, d in (("x", 1.0), ("t_x", days), ("t", days)))
    n, expected = frame["n"].to_numpy(), frame["expected"].to_numpy()
    step, slopes = 1e-4, []
    for name in ("r", "alpha", "a", "b"):
        value = getattr(found.model, name)
        up, down = (
            n @ replace(found.model, **{name: value * np.exp(s)}).conditional_purchases(spec.horizon, x, t_x, length)
            for s in (step, -step)
        )
        slopes.append((up - down) / (2 * step))
    slope = np.array(slopes)
    rng = np.random.default_rng(20050201)
    size = int(min(n.sum(), DRAWN_BUYERS))
    rows = np.repeat(np.arange(len(n)), n.astype(int)) if n.sum() <= size else rng.choice(len(n), size, p=n / n.sum())
    times = max(1, DRAWN_BUYERS // (10 * size))  # few buyers: several futures of each
    squares = [
        ((found.model.simulate(spec.horizon, x[rows], t_x[rows], length[rows], rng) - expected[rows]) ** 2).mean()
        for _ in range(times)
    ]
    spread = Z95 * float(np.sqrt(slope @ found.fit.covariance @ slope + np.mean(squares) * n.sum()))
    middle = float(n @ expected)
    return max(middle - spread, 0.0), middle + spread


def _holdout(found: FittedBuyers, after: pd.DataFrame, spec: ClvSpec, watch: Watch) -> Holdout:
    frame = found.patterns
    n_days = watch.end_day - 1 - watch.last_day
    n = frame["n"].to_numpy()
    each = _ahead(found, spec, np.array([n_days / spec.unit_days]))[0]
    actual, squared = frame["after"].to_numpy(), frame["after_squared"].to_numpy()
    people = n.sum()
    mean_p, mean_a = n @ each / people, actual.sum() / people
    covariance = actual @ each / people - mean_p * mean_a
    spread = np.sqrt((n @ each**2 / people - mean_p**2) * (squared.sum() / people - mean_a**2))
    n_units = n_days // spec.unit_days
    grown = (
        np.diff(_ahead(found, spec, np.arange(1, n_units + 1)), axis=0, prepend=0.0)
        if n_units
        else np.empty((0, len(n)))
    )
    place = (after["days_after"].to_numpy(dtype="int64") - 1) // spec.unit_days
    seen = np.bincount(place, weights=after["n"].to_numpy(dtype=float), minlength=n_units)[:n_units]
    return Holdout(
        n_days=n_days,
        predicted=float(n @ each),
        actual=int(actual.sum()),
        correlation=float(covariance / spread) if spread > 0 else float("nan"),
        by_unit=pd.DataFrame(
            {
                "from_on": [date_of(watch.last_day + 1 + k * spec.unit_days) for k in range(n_units)],
                "predicted": grown @ n,
                "actual": seen.astype("int64"),
            }
        ),
    )
