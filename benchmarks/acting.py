"""Acting on many users: a preview, a budget, lists and their files, and an experiment's read-out, each with a truth inside."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Alone, alone
from benchmarks.report import Row, Target, ms
from retention.audiences.answer_overlap import combined_count
from retention.audiences.order_export import export_file
from retention.audiences.spec import CombinedUsersSpec, SavedUsersSpec
from retention.experiments.model_readout import read_units
from retention.experiments.spec import ReadSpec
from retention.experiments.units import Outcome, Units
from retention.interventions.answer_optimum import optimum
from retention.interventions.answer_preview import money_of, people, previewed
from retention.interventions.spec import Arm, Cost, Effect, Intervention
from retention.interventions.spec_preview import Terms
from retention.store import Store, Transaction

MANY = 1_000_000
"""The targets are of so many users; other sizes stand beside them."""
MEGABYTE = 1e6
N_MOVES = 40
EVERYBODY = SavedUsersSpec(audience_id=1)
TERMS = Terms(margin=0.4)
N_DAYS = 28


def coupon(save_rate: float, contact: float = 0.2, incentive: float = 5.0) -> Intervention:
    """Return something that keeps so many of a hundred who would be lost."""
    return Intervention(
        name="Coupon", kind="coupon", channel="e-mail", cost=Cost(contact=contact, incentive=incentive, redemption=0.5),
        effect=Effect(low=save_rate / 2, high=1.5 * save_rate),
    )  # fmt: skip


ARMS = tuple(
    Arm(name=f"arm {i}", intervention=coupon(0.03 + 0.03 * i, contact=0.05 + 0.04 * i, incentive=0.6 * i)) for i in range(8)
)


def build(path: str, n_users: int) -> None:
    """Make a store of so many scored users who are on a list and in a campaign, and three more lists of ten times as many."""

    def fill(tx: Transaction) -> None:
        n = {"n": n_users}
        tx.run("update state set as_of_us = 1767225600000000")
        tx.run(
            "insert into users select i::integer, md5(i::varchar), 1700000000000000 + i, 1760000000000000 + i, 1 + i % 40"
            " from range(1, $n + 1) as t(i)", n,
        )  # fmt: skip
        tx.run("insert into identities select i::integer, 'customer-' || i from range(1, $n + 1) as t(i)", n)
        for number, (of, which) in enumerate(((1, "true"), (5, "i % 5 <> 0"), (5, "i % 2 = 0"), (5, "i % 10 < 7")), start=1):
            tx.run(
                "insert into audiences (audience_id, name, definition, question, as_of_us, data_version, n_users, saved_us,"
                " scoring_key) values ($number, 'list ' || $number, 'Users of the benchmark', '{}', 0, 1, $n, 0, 1)",
                {"number": number, **n},
            )
            tx.run(f"insert into audience_members select $number, i::integer from range(1, $n * {of} + 1) as t(i) where {which}",
                   {"number": number, **n})  # fmt: skip
        tx.run(
            "insert into scorings (scoring_key, version, cutoff_day, cutoff_us, property_key, high, medium, last_import, as_of_us,"
            " n_users, mean, intercept, season, made_us) values (1, 1, 20454, 1767225600000000, 0, 0.6, 0.3, 0, 1767225600000000,"
            " $n, 0.5, 0, '', 0)", n,
        )  # fmt: skip
        tx.run(
            "insert into user_scores select 1, i::integer, (i * 7919 % 100003 + 0.5) / 100004, (i * 31337 % 5000) / 50.0"
            " from range(1, $n + 1) as t(i)", n,
        )  # fmt: skip
        tx.run(
            "insert into held_back_scores (version, user_key, lapsed, probability)"
            " select 1, i::integer, i * 104729 % 1000 < 10 * p, p / 100.0"
            " from (select i, 1 + i % 98 as p from range(1, 20001) as t(i)) as h",
        )
        tx.run(
            "insert into campaigns values (1, 'spring', '00', 1, 'Users of the benchmark', '{}',"
            " '[{\"name\": \"coupon\"}]', '{}', 0.1, 28, 0, 0, 1, 1, $n, true, 0, null)", n,
        )  # fmt: skip
        tx.run(
            "insert into exposures select 1, i::integer, case when i % 10 = 0 then 0 else 1 end, 0, 0.9, 'On the list'"
            " from range(1, $n + 1) as t(i)", n,
        )  # fmt: skip

    with Store.create_or_open(Path(path)) as store:
        store.write(fill)


def _taken(run: Callable[[], object]) -> tuple[float, float]:
    """Return CPU and wall milliseconds of one run."""
    begun, wall = time.process_time(), time.monotonic()
    run()
    return (time.process_time() - begun) * 1000, (time.monotonic() - wall) * 1000


def _slowest(runs: list[tuple[float, float]]) -> dict[str, float]:
    cpu = sorted(one for one, _ in runs)
    return {"slowest": cpu[-1], "usual": cpu[len(cpu) // 2], "wall": max(wall for _, wall in runs)}


def look_ahead(path: str) -> dict[str, Any]:
    """Preview an intervention and divide a budget over eight arms; then move every control."""
    with Store.open(Path(path)) as store:
        found: list[Any] = []
        first = _taken(lambda: found.append(people(store, EVERYBODY)))
    (who,) = found
    shown: list[Any] = []

    def preview(i: int) -> None:
        one, terms = coupon(0.05 + 0.002 * i), Terms(margin=0.4, holdout=0.05 + 0.01 * (i % 20))
        shown.append(previewed(who, one, terms))
        money_of(who, one, terms).curve()

    preview(0)  # loads what previews are made with, as the app has at its start
    previews = [_taken(lambda i=i: preview(i)) for i in range(N_MOVES)]  # type: ignore[misc]
    laid: list[Any] = []

    def solve() -> None:
        laid.clear()
        laid.append(optimum(who, ARMS, TERMS))

    solved = min(_taken(solve) for _ in range(2))
    (best,) = laid
    curve = _taken(best.curve)
    budgets = [best.stops_paying * (i + 0.5) / N_MOVES for i in range(N_MOVES)]
    given: list[Any] = []
    moves = [_taken(lambda b=b: given.append(best.at(b))) for b in budgets]  # type: ignore[misc]
    # The truth by other ways: kept are γ of those who would lapse; no budget is overdrawn; nobody gets two arms.
    risks = (np.arange(1, who.n_users + 1) * 7919 % 100003 + 0.5) / 100004
    kept = 0.95 * 0.05 * risks.sum()
    rows = best.rows(budgets[N_MOVES // 2])
    is_right = (
        abs(shown[0].extra.value / kept - 1) < 1e-6
        and all(one.cost <= one.budget * (1 + 1e-9) for one in given)
        and rows["user_key"].is_unique and len(rows) == given[N_MOVES // 2].n_chosen
        and all(a.net <= b.net * (1 + 1e-9) for a, b in pairwise(given))
    )  # fmt: skip
    return {
        "first": first, "previews": _slowest(previews), "solved": solved, "curve": curve, "moves": _slowest(moves),
        "gap": max(one.gap for one in given), "is_right": is_right, "n_users": who.n_users,
    }  # fmt: skip


def combine(path: str) -> dict[str, Any]:
    """Count three combinations of lists."""
    specs = {
        "all of two, none of a third": CombinedUsersSpec(all_of=(2, 3), none_of=(4,)),
        "any of three": CombinedUsersSpec(any_of=(2, 3, 4)),
        "all of one, any of two": CombinedUsersSpec(all_of=(3,), any_of=(2, 4)),
    }
    with Store.open(Path(path)) as store:
        n = _n_users(store)
        combined_count(store, CombinedUsersSpec(all_of=(1,)))
        counts: dict[str, int] = {}
        runs = {
            name: [_taken(lambda s=spec, k=name: counts.update({k: combined_count(store, s)})) for _ in range(3)]  # type: ignore[misc]
            for name, spec in specs.items()
        }
    i = np.arange(1, 5 * n + 1)
    two, three, four = i % 5 != 0, i % 2 == 0, i % 10 < 7
    truth = [int(np.count_nonzero(flags)) for flags in (two & three & ~four, two | three | four, three & (two | four))]
    return {
        "runs": {name: min(taken) for name, taken in runs.items()}, "is_right": list(counts.values()) == truth,
        "n_members": int(two.sum() + three.sum() + four.sum()),
    }  # fmt: skip


def _n_users(store: Store) -> int:
    with store.snapshot() as snapshot:
        ((n,),) = snapshot.rows("select count(*) from users as u")
        return int(n)


def write_csv(path: str, folder: str) -> dict[str, Any]:
    """Write the list of everybody as a CSV with the ids of the file, its campaign, arm, holdout and reason."""
    target = Path(folder) / "list.csv"
    with Store.open(Path(path)) as store:
        begun, wall = time.process_time(), time.monotonic()
        written = export_file(store, EVERYBODY, target, "file ids")
        cpu_s, wall_s = time.process_time() - begun, time.monotonic() - wall
        n = _n_users(store)
    digest, lines = hashlib.sha256(), 0
    with target.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            lines += block.count(b"\n")
    return {
        "cpu_s": cpu_s, "wall_s": wall_s, "n_rows": written.n_rows, "n_bytes": target.stat().st_size,
        "is_right": digest.hexdigest() == written.sha256 and lines == n + 1 == written.n_rows + 1,
    }  # fmt: skip


def read_experiment(n_units: int) -> dict[str, Any]:
    """Read an experiment of two groups by the sequential method: a rate, and money with what was spent before."""
    chance = np.random.default_rng(7)
    group = (chance.random(n_units) < 0.5).astype(np.int64)
    before = chance.gamma(1.0, 20.0, n_units)
    stayed = (chance.random(n_units) < 0.30 + 0.004 * group).astype(np.float64)
    spent = stayed * (0.5 * before + chance.gamma(1.0, 10.0, n_units))
    units = Units(
        groups=("holdout", "coupon"), group=group, day=chance.integers(0, N_DAYS, n_units),
        outcomes=(Outcome("stayed", "rate", stayed), Outcome("spent", "mean", spent, before)),
    )  # fmt: skip
    found: list[Any] = []
    runs = [_taken(lambda: found.append(read_units(units, ReadSpec(method="sequential")))) for _ in range(3)]
    effects = found[0].effects
    plain = {
        name: values[group == 1].mean() - values[group == 0].mean() for name, values in (("stayed", stayed), ("spent", spent))
    }
    first = effects.drop_duplicates("metric").set_index("metric")["difference"]
    is_right = all(abs(first[name] - difference) < 1e-9 for name, difference in plain.items())
    return {"runs": runs, "is_right": is_right, "n_days": int(found[0].path["day"].nunique())}


def acting_rows(sizes: tuple[int, ...], tell: Callable[[str], None]) -> list[Row]:
    """Measure each size; the targets are of a million users."""
    rows: list[Row] = []
    smaller: Alone | None = None
    for n_users in sorted(sizes):
        folder = tempfile.mkdtemp(prefix="acting-")
        path = str(Path(folder) / "store.duckdb")
        try:
            tell(f"acting: a store of {n_users:,} users")
            alone(build, path, n_users)
            tell("acting: preview and budget")
            rows += _ahead_rows(n_users, alone(look_ahead, path))
            tell("acting: lists")
            rows += _list_rows(n_users, alone(combine, path).result)
            tell("acting: a file")
            written = alone(write_csv, path, folder)
            rows += _file_rows(n_users, written, smaller)
            smaller = written
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        tell("acting: an experiment")
        rows += _experiment_rows(n_users, alone(read_experiment, n_users).result)
    return rows


def _bounded(n_users: int, found: float, bound: float, unit: str = "×") -> dict[str, Any]:
    """Hold a figure against its target, where there is one of this size."""
    return {"found": found, "target": Target("at most", bound, unit)} if n_users == MANY else {}


def _ahead_rows(n_users: int, done: Alone) -> list[Row]:
    r, is_wrong = done.result, not done.result["is_right"]
    note = f"wall clock of the slowest; the usual one {ms(r['previews']['usual'])}; of {N_MOVES}, each with its curve"
    return [
        Row(f"preview of {n_users:,} users, a move of a control", ms(r["previews"]["slowest"]), ms(r["previews"]["wall"]),
            **_bounded(n_users, r["previews"]["slowest"], 200, "ms"), note=note, is_wrong=is_wrong, figures=r),
        Row("  the first look, scores read from the store", ms(r["first"][0]), ms(r["first"][1]), note="wall clock"),
        Row("  a move of the budget slider", ms(r["moves"]["slowest"]), ms(r["moves"]["wall"]),
            **_bounded(n_users, r["moves"]["slowest"], 200, "ms"), note=f"wall clock of the slowest; the usual one {ms(r['moves']['usual'])}", is_wrong=is_wrong),
        Row("  optimiser, 8 arms", f"{r['solved'][0] / 1000:.2f} s", f"{r['solved'][1] / 1000:.2f} s",
            **_bounded(n_users, r["solved"][0] / 1000, 5, "s"), note=f"wall clock, least of 2; its curve {ms(r['curve'][0])}; {done.peak_bytes / 1e9:.2f} GB", is_wrong=is_wrong),
        Row("  its gap to the linear program", f"{100 * r['gap']:.5f} %", **_bounded(n_users, 100 * r["gap"], 0.5, "%"),
            note=f"the largest of {N_MOVES} budgets", is_wrong=is_wrong),
    ]  # fmt: skip


def _list_rows(n_users: int, r: dict[str, Any]) -> list[Row]:
    what = f"lists with {r['n_members'] / 1e6:.3g} M members"
    return [
        Row(f"{what}: {name}", ms(cpu), ms(wall), **_bounded(n_users, cpu, 500, "ms"), note="wall clock; least of 3",
            is_wrong=not r["is_right"])
        for name, (cpu, wall) in r["runs"].items()
    ]  # fmt: skip


def _file_rows(n_users: int, done: Alone, smaller: Alone | None) -> list[Row]:
    r = done.result
    found = [
        Row(f"CSV of {n_users:,} users", f"{r['cpu_s']:.2f} s", f"{r['wall_s']:.2f} s", **_bounded(n_users, r["cpu_s"], 10, "s"),
            note=f"wall clock; {r['n_bytes'] / MEGABYTE:,.0f} MB, audited", is_wrong=not r["is_right"], figures=r),
    ]  # fmt: skip
    peak = done.peak_bytes / MEGABYTE
    if smaller is None:
        return [*found, Row("  peak memory", f"{peak:,.0f} MB", note="the whole process")]
    other = smaller.peak_bytes / MEGABYTE
    times = r["n_rows"] / smaller.result["n_rows"]
    return [
        *found,
        Row("  peak memory", f"{peak:,.0f} MB", f"{other:,.0f} MB", **_bounded(n_users, peak / other, 1.25),
            note=f"of a list {times:.0f} times shorter; the whole process"),
    ]  # fmt: skip


def _experiment_rows(n_users: int, r: dict[str, Any]) -> list[Row]:
    cpu, wall = min(r["runs"])
    return [
        Row(f"sequential read-out of {n_users:,} units", f"{cpu / 1000:.2f} s", f"{wall / 1000:.2f} s",
            **_bounded(n_users, cpu / 1000, 2, "s"), note=f"wall clock; a rate and money with CUPED, {r['n_days']} looks; least of 3",
            is_wrong=not r["is_right"], figures={"runs": r["runs"]}),
    ]  # fmt: skip
