"""The forecast, its interval and its trial put together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.forecast.history import Floats, History
from retention.forecast.model import CohortCurve, backtest, outlook, spreads
from retention.forecast.result import Basis, Forecast, Naive, Trial, period_days
from retention.forecast.spec import ForecastSpec

CLEARLY = 0.95
MOSTLY = 2 / 3


def forecast_of(seen: History, spec: ForecastSpec, basis: Basis) -> Forecast:
    """Forecast, and try the same at earlier dates."""
    told = outlook(seen, spec, spec.horizon)
    tried = backtest(seen, spec)
    typical, needed = spreads(tried, spec.horizon)
    low, high = interval(told.total, typical, needed)
    size = len(seen)
    numbers = range(size, size + spec.horizon)
    ages = np.arange(1, size)
    origins = {o: period_days(seen.first, range(o, o + 1), spec, basis.clock)[0] for o in tried["origin"].unique()}
    return Forecast(
        spec=spec,
        clock=basis.clock,
        data_version=basis.data_version,
        seen=pd.DataFrame(
            {
                "from_on": period_days(seen.first, range(size), spec, basis.clock),
                "actual": seen.users if spec.metric == "active users" else seen.value,
                "touches_gap": ~seen.is_whole,
            }
        ),
        ahead=pd.DataFrame(
            {
                "number": range(1, spec.horizon + 1),
                "from_on": period_days(seen.first, numbers, spec, basis.clock),
                "expected": told.total,
                "low": low,
                "high": high,
                "last": told.last,
                "seasonal": told.seasonal,
                "new": told.new,
                "back": told.back,
            }
        ),
        tried=tried.assign(origin_on=[origins[o] for o in tried["origin"]]).drop(columns=["origin"]),
        trial=trial(tried, spec.horizon),
        curve=curve_words(told.curve),
        kept=pd.DataFrame({"age": ages, "rate": told.curve.at(ages)}),
        inflow=told.inflow,
    )


def interval(middle: Floats, typical: Floats, needed: float) -> tuple[Floats, Floats]:
    """Return the 95 % interval of each forecast from the typical log error at its distance."""
    shifted = middle + 0.5
    low, high = shifted * np.exp(-needed * typical) - 0.5, shifted * np.exp(needed * typical) - 0.5
    return np.maximum(np.minimum(low, middle), 0.0), np.maximum(high, middle)


def curve_words(curve: CohortCurve) -> str:
    """Name a curve with its parameters."""
    names = ("α", "β") if curve.kind == "sBG" else ("λ", "ν")
    return f"{curve.kind} with {names[0]} {curve.one:.3g}, {names[1]} {curve.two:.3g}, share {curve.share:.3g}"


def trial(tried: pd.DataFrame, horizon: int) -> Trial:
    """Compare the forecast with the better of the naive ones, over the same points."""
    naive: Naive = "last"
    points = tried
    known = tried[tried["seasonal"].notna()]
    if 2 * len(known) >= len(tried) and _mean_error(known, "seasonal") < _mean_error(known, "last"):
        naive, points = "seasonal", known
    model, guess = _mean_error(points, "forecast"), _mean_error(points, naive)
    by_origin = (
        points.assign(
            model=(points["forecast"] - points["actual"]).abs(), guess=(points[naive] - points["actual"]).abs()
        )
        .groupby("origin")[["model", "guess"]]
        .mean()
    )
    n_origins = len(by_origin)
    wins = int((by_origin["model"] < by_origin["guess"]).sum())
    ratio = model / guess if guess > 0 else (1.0 if model == 0 else float("inf"))
    came = float(points["actual"].mean())
    return Trial(
        n_origins=n_origins,
        n_points=len(points),
        naive=naive,
        error=model / came if came > 0 else float("nan"),
        naive_error=guess / came if came > 0 else float("nan"),
        ratio=ratio,
        wins=wins,
        coverage=coverage(tried, horizon),
        is_better=ratio <= CLEARLY and wins >= MOSTLY * n_origins,
    )


def _mean_error(points: pd.DataFrame, name: str) -> float:
    return float((points[name] - points["actual"]).abs().mean())


def coverage(tried: pd.DataFrame, horizon: int) -> float:
    """Return the share of points inside the interval made from the other origins."""
    inside: list[bool] = []
    for origin, mine in tried.groupby("origin"):
        others = tried[tried["origin"] != origin]
        typical, needed = spreads(others, horizon)
        low, high = interval(mine["forecast"].to_numpy(), typical[mine["ahead"].to_numpy() - 1], needed)
        actual = mine["actual"].to_numpy()
        inside += ((low <= actual) & (actual <= high)).tolist()
    return float(np.mean(inside)) if inside else float("nan")
