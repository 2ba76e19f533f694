"""Who falls silent, for many users: what teaching, judging and scoring take, and what a move of the slider takes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.churn_real import real_rows
from benchmarks.churn_sequences import sequence_rows
from benchmarks.generate import EVENTS_A_USER, event_log
from benchmarks.measure import alone
from benchmarks.report import Row, Target
from benchmarks.stores import store_of
from retention.churn.answer_list import at_risk_reach
from retention.churn.answer_scores import latest_scoring
from retention.churn.money import Offer
from retention.churn.order_registry import train
from retention.churn.order_scores import score
from retention.churn.spec import ChurnSpec, LapseSpec
from retention.churn.spec_list import AtRiskSpec
from retention.store import Store

GIGABYTE = 1e9
LAPSE = LapseSpec(horizon_days=60, gap_days=7, lookback_days=90)
"""The log holds a year: three held-back cut-offs with some before each to learn from."""
N_MOVES = 200
FEW, MANY = 100_000, 1_000_000
BOUNDS: dict[int, dict[str, float]] = {
    FEW: {"all": 60},
    MANY: {"all": 360, "memory": 4, "score": 30},
}


def learn_and_score(path: str) -> dict[str, Any]:
    """Teach, judge and score as the button does: CPU and wall seconds of each, and how good it is."""
    said: list[tuple[float, str]] = []
    begun = time.process_time()
    with Store.open(Path(path)) as store:
        card = train(store, ChurnSpec(lapse=LAPSE), progress=lambda _, text: said.append((time.process_time() - begun, text)))
        taught = time.process_time() - begun
        made = score(store)
        return {
            "train_s": taught, "score_s": time.process_time() - begun - taught, "n_users": made.n_users, "n_rows": card.n_rows,
            "word": card.word, "table": card.report["table"], "steps": said,
        }  # fmt: skip


def score_again(path: str) -> int:
    """Score everybody by the model in service."""
    with Store.open(Path(path)) as store:
        return score(store).n_users


def moves(path: str) -> dict[str, float]:
    """Move the slider: CPU milliseconds of the slowest and of a usual move, of the first look, and of other costs."""
    with Store.open(Path(path)) as store:
        scoring = latest_scoring(store)
        assert scoring is not None
        begun = time.process_time()
        reach, offer = at_risk_reach(store, AtRiskSpec(scoring_key=scoring.scoring_key)), Offer()
        reach.curve(offer)
        first = time.process_time() - begun

    def move(i: int) -> None:
        reach.at((i * 7_919_993) % (reach.n_users + 1), offer)
        reach.n_for(1_000.0 * i, offer)
        reach.n_from(i / N_MOVES)

    taken = [_cpu_ms(lambda i=i: move(i)) for i in range(N_MOVES)]  # type: ignore[misc]
    return {
        "first_ms": first * 1000, "slowest_ms": max(taken), "usual_ms": sorted(taken)[N_MOVES // 2],
        "other_offer_ms": _cpu_ms(lambda: reach.curve(Offer(save_rate=0.25))),
    }  # fmt: skip


def _cpu_ms(run: Callable[[], object]) -> float:
    begun = time.process_time()
    run()
    return (time.process_time() - begun) * 1000


def scale_rows(n_users: int, tell: Callable[[str], None]) -> list[Row]:
    """Measure with a synthetic log of about so many users."""
    log = event_log(n_users * EVENTS_A_USER)
    store, _ = store_of(log, is_fresh=False)
    folder = log.folder / "churn"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(store.parent, folder)
    path, bounds = str(folder / store.name), BOUNDS.get(n_users, {})
    try:
        tell(f"churn: teaching and scoring, {log.n_users:,} users")
        whole = alone(learn_and_score, path)
        tell("churn: scoring again")
        again, slider = alone(score_again, path), alone(moves, path).result
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    done, who = whole.result, f"{log.n_users:,} users"

    def bound(name: str, unit: str) -> Target | None:
        return Target("at most", bounds[name], unit) if name in bounds else None

    figures = {**done, **slider, "cpu_s": whole.cpu_s, "wall_s": whole.wall_s}
    return [
        Row(f"churn of {who}: features, training, backtest, scoring", f"{whole.cpu_s:.1f} s", f"{whole.wall_s:.1f} s", whole.cpu_s,
            bound("all", "s"), f"wall clock; {done['train_s']:.1f} s to teach {done['n_rows']:,} rows and judge, {done['score_s']:.1f} s to"
            f" score {done['n_users']:,}; verdict: {done['word']}", figures=figures),
        Row("  peak memory", f"{whole.peak_bytes / GIGABYTE:.2f} GB", "",
            whole.peak_bytes / GIGABYTE if "memory" in bounds else None, bound("memory", "GB")),
        Row("  scoring alone", f"{again.cpu_s:.1f} s", f"{again.wall_s:.1f} s", again.cpu_s if "score" in bounds else None, bound("score", "s"),
            f"wall clock; {again.result:,} users scored and written, {again.peak_bytes / GIGABYTE:.2f} GB"),
        Row("  a move of the slider", f"{slider['slowest_ms']:.1f} ms", f"{slider['usual_ms']:.1f} ms", slider["slowest_ms"],
            Target("at most", 100, "ms"), f"the usual one of {N_MOVES}, that is the slowest; first look {slider['first_ms']:.0f} ms, other"
            f" costs {slider['other_offer_ms']:.0f} ms"),
    ]  # fmt: skip


def churn_rows(sizes: tuple[int, ...], tell: Callable[[str], None]) -> list[Row]:
    """Measure everything: real files first, then models that read events, then many users."""
    rows = real_rows(tell) + sequence_rows(tell)
    for n_users in sizes:
        rows += scale_rows(n_users, tell)
    return rows
