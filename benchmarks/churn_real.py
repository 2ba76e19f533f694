"""Who falls silent, on real files: the models at held-back cut-offs, beside the plain rules."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.generate import data_folder
from benchmarks.measure import alone
from benchmarks.report import Row, Target
from benchmarks.stores import code_version
from retention.churn.answer import churn_backtest
from retention.churn.model_backtest import Backtest
from retention.churn.model_own import own_report
from retention.churn.own_table import own_table, read_table
from retention.churn.spec import BEST, RULES, ChurnSpec, LapseSpec
from retention.churn.spec_own import OwnSpec
from retention.ingest.order import import_file
from retention.ingest.spec import ImportSpec
from retention.periods import date_of
from retention.store import Store

SHOWN = ("boosting", "logistic", *RULES)
TELCO_LEFT, TELCO_USERS = 1_869, 7_043


@dataclass(frozen=True, slots=True)
class RealFile:
    """A file with events, and how its users are asked about.

    Attributes
    ----------
    title : str
    path : str
        Below the folder of real files.
    about : dict
        How the import understands it.
    lapses : tuple of LapseSpec
    cutoffs : tuple of date
    """

    title: str
    path: str
    about: dict[str, Any]
    lapses: tuple[LapseSpec, ...]
    cutoffs: tuple[date, ...]


REAL = {
    "online_retail_ii": RealFile(
        "Online Retail II", "online_retail_ii/online_retail_ii.parquet", {"preset": "order-lines"},
        tuple(LapseSpec(horizon_days=90, gap_days=g, lookback_days=365, events=("purchase",)) for g in (0, 7)),
        tuple(date(2011, month, 1) for month in range(3, 10)),
    ),
    "cdnow": RealFile(
        "CDNOW", "cdnow_full/cdnow_master.csv.gz",
        {"mapping": {"user": "customer_id", "time": "date", "value": "dollar_value"}, "constant_event": "purchase"},
        (LapseSpec(horizon_days=90, gap_days=7, lookback_days=180),),
        (date(1998, 1, 1), date(1998, 2, 1), date(1998, 3, 1)),
    ),
    "complete_journey": RealFile(
        "Complete Journey", "dunnhumby_completejourney/transactions.parquet",
        {"mapping": {
            "user": "household_id", "time": "transaction_timestamp", "value": "sales_value", "quantity": "quantity",
            "item": "product_id",
            **{f"ignore:{name}": name
               for name in ("store_id", "basket_id", "retail_disc", "coupon_disc", "coupon_match_disc", "week")},
        }, "constant_event": "purchase"},
        (LapseSpec(horizon_days=30, gap_days=7, lookback_days=90),),
        (date(2017, 9, 1), date(2017, 10, 1), date(2017, 11, 1)),
    ),
    "groceries": RealFile(
        "groceries_members", "groceries_members/groceries_dataset.csv.gz",
        {"mapping": {"user": "Member_number", "time": "Date", "item": "itemDescription"}, "constant_event": "purchase"},
        (LapseSpec(horizon_days=90, gap_days=7, lookback_days=365),),
        (date(2015, 7, 1), date(2015, 8, 1), date(2015, 9, 1)),
    ),
}  # fmt: skip


def real_folder() -> Path | None:
    """Return the folder of real files, if RETENTION_REAL_DATA names one."""
    named = os.environ.get("RETENTION_REAL_DATA", "")
    return Path(named) if named and Path(named).is_dir() else None


def import_real(path: str, file: str, about: dict[str, Any]) -> int:
    """Take a real file into a new store; return its events."""
    with Store.create_or_open(Path(path)) as store:
        return import_file(store, ImportSpec(Path(file), **about)).n_new


def store_of_file(name: str, folder: Path) -> Path:
    """Import a real file, or take the store that the same code made of it before."""
    real = REAL[name]
    said = hashlib.sha256(repr(real.about).encode()).hexdigest()[:6]
    place = data_folder() / "real" / f"{name}-{said}-{code_version()}"
    path = place / "holdfast.duckdb"
    if not (place / "done").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        alone(import_real, str(path), str(folder / real.path), real.about)
        (place / "done").touch()
    return path


def backtest_of_store(path: str, lapse: LapseSpec, cutoffs: Sequence[date]) -> Backtest:
    """Try the whole zoo at every cut-off."""
    with Store.open(Path(path)) as store:
        return churn_backtest(store, ChurnSpec(lapse=lapse, model=BEST), tuple(cutoffs))


def aucs(found: Backtest) -> dict[str, dict[int, float]]:
    """Say each model's ROC AUC at each cut-off."""
    said: dict[str, dict[int, float]] = {}
    for trial in found.trials:
        said.setdefault(trial.model, {})[trial.test_day] = trial.figures["auc"].value
    return said


def mean(by_day: dict[int, float]) -> float:
    """Average over the cut-offs."""
    return float(np.mean(list(by_day.values())))


def cutoff_rows(title: str, found: Backtest, asked: Sequence[date]) -> list[Row]:
    """Write a row a cut-off: the model that was chosen beside recency, with who was asked about."""
    said, chosen = aucs(found), found.chosen
    known = {date_of(trial.test_day) for trial in found.trials}
    rows = [Row(f"  {title}, {on}", "–", note="the data begin too late for a cut-off whose outcomes were known by then")
            for on in asked if on not in known]  # fmt: skip
    for day in sorted({trial.test_day for trial in found.trials}):
        (own,) = (t for t in found.trials if t.test_day == day and t.model == chosen)
        f = own.figures["auc"]
        others = ", ".join(f"{name} {said[name][day]:.3f}" for name in SHOWN if name != chosen and day in said.get(name, {}))
        rows.append(Row(f"  {title}, {date_of(day)}", f"{f.value:.3f} ({f.low:.3f}–{f.high:.3f}) {chosen}",
                        f"{said['recency'][day]:.3f}" if "recency" in said else "", None, None,
                        f"recency; n = {own.n_users:,}, {own.figures['base_rate'].value:.1%} lapsed; {others}"))  # fmt: skip
    return rows


def model_rows(title: str, found: Backtest) -> list[Row]:
    """Write the table of the zoo with its times: means over the cut-offs."""
    table = found.table()
    rows = []
    for line in table.itertuples(index=False):
        is_chosen = " ← best of: the cheapest within 0.005" if line.is_chosen else ""
        rows.append(Row(f"    {line.model}", f"{line.auc_mean:.4f}", f"{line.seconds:.2f} s CPU", None, None,
                        f"{title}: mean ROC AUC, and the time of learning once; latest cut-off {line.auc:.3f}"
                        f" ({line.auc_low:.3f}–{line.auc_high:.3f}), log-loss {line.log_loss:.3f}{is_chosen}"))  # fmt: skip
    for name, why in found.skipped.items():
        rows.append(Row(f"    {name}", "–", "", None, None, why))
    return rows


def about_lapse(lapse: LapseSpec) -> str:
    """Say what lapsing means here."""
    return f"H = {lapse.horizon_days}, g = {lapse.gap_days}, A = {lapse.lookback_days}"


def calibration_words(found: Backtest, name: str) -> str:
    """Say how far the latest probabilities of a model are off."""
    latest = max(trial.test_day for trial in found.trials)
    (own,) = (t for t in found.trials if t.test_day == latest and t.model == name)
    slope, level = own.figures["slope"], own.figures["intercept"]
    return (
        f"calibration slope {slope.value:.2f} ({slope.low:.2f}–{slope.high:.2f}), level {level.value:+.2f}"
        f" ({level.low:+.2f} to {level.high:+.2f})"
    )


def shop_rows(store: Path) -> list[Row]:
    """Online Retail II, with the targets: enough ranked right, and more than by recency."""
    real, rows = REAL["online_retail_ii"], []
    for lapse in real.lapses:
        found = alone(backtest_of_store, str(store), lapse, real.cutoffs).result
        title = f"{real.title}, {about_lapse(lapse)}"
        said, is_bound = aucs(found), lapse.gap_days == 0
        rows += cutoff_rows(title, found, real.cutoffs)
        for what, name in (("boosting", "boosting"), ("best of", found.chosen)):
            own, plain = mean(said[name]), mean(said["recency"])
            rows.append(Row(f"{title}: mean AUC, {what}", f"{own:.4f} {name}", f"{plain:.4f}", own if is_bound else None,
                            Target("at least", 0.77, "AUC") if is_bound else None, f"recency; {calibration_words(found, name)}",
                            figures={"auc": said}))  # fmt: skip
            rows.append(Row("  above recency", f"{own - plain:+.4f}", "", own - plain if is_bound else None,
                            Target("at least", 0.03, "AUC") if is_bound else None, found.sentence))  # fmt: skip
        rows += model_rows(title, found)
    return rows


def other_rows(name: str, store: Path) -> list[Row]:
    """Compare on a file without a target: what the verdict says is what counts."""
    real, rows = REAL[name], []
    for lapse in real.lapses:
        found = alone(backtest_of_store, str(store), lapse, real.cutoffs).result
        said, title = aucs(found), f"{real.title}, {about_lapse(lapse)}"
        rows += cutoff_rows(title, found, real.cutoffs)
        rows.append(Row(f"{title}: mean AUC", f"{mean(said[found.chosen]):.4f} {found.chosen}",
                        f"{mean(said['recency']):.4f}" if "recency" in said else "", None, None,
                        f"recency; verdict: {found.word}. {found.sentence} {calibration_words(found, found.chosen)}",
                        figures={"auc": said, "word": found.word}))  # fmt: skip
        rows += model_rows(title, found)
    return rows


def control_rows(store: Path) -> list[Row]:
    """Members whose purchases were dealt at random: any confidence would be made up."""
    real, rows = REAL["groceries"], []
    (lapse,) = real.lapses
    found = alone(backtest_of_store, str(store), lapse, real.cutoffs).result
    latest = max(trial.test_day for trial in found.trials)
    (own,) = (t for t in found.trials if t.test_day == latest and t.model == found.chosen)
    slope, level = own.figures["slope"], own.figures["intercept"]
    # A weak score may say so: what it promises must come true. A slope of 1 is meant, whatever little it tells.
    is_calibrated = slope.high >= 1 and level.low <= 0.15 and level.high >= -0.15
    is_weak = own.figures["auc"].value < 0.65
    rows += cutoff_rows(real.title, found, real.cutoffs)
    rows.append(Row("negative control (groceries_members) is not trusted too much", found.word,
                    f"AUC {own.figures['auc'].value:.3f} {found.chosen}", None, None,
                    f"{found.sentence} {calibration_words(found, found.chosen)}",
                    is_wrong=not (found.word != "reliable" or (is_calibrated and is_weak)),
                    figures={"auc": aucs(found), "word": found.word}))  # fmt: skip
    return rows + model_rows(real.title, found)


def telco(path: str, model: str) -> dict[str, Any]:
    """Learn from the snapshot table in five parts."""
    table = own_table(read_table(Path(path).read_bytes()), OwnSpec(label="Churn", id_column="customerID", model=model))
    found = own_report(table)
    folds = found.folds
    return {
        "model": found.model, "n": found.n_users, "n_left": found.n_left, "auc": float(folds["auc"].mean()),
        "auc_sd": float(folds["auc"].std()), "log_loss": float(folds["log_loss"].mean()),
        "pooled": found.figures["auc"], "slope": found.line.slope, "sentence": found.sentence, "seconds": float(folds["seconds"].sum()),
        "models": found.models.to_dict("records"),
    }  # fmt: skip


def telco_rows(folder: Path) -> list[Row]:
    """IBM Telco, a table of one's own: ROC AUC and log-loss in stratified five-fold cross-validation."""
    path = str(folder / "telco_ibm/telco_customer_churn.csv.gz")
    found, best = alone(telco, path, "boosting").result, alone(telco, path, BEST).result
    is_wrong = (found["n"], found["n_left"]) != (TELCO_USERS, TELCO_LEFT)
    note = f"{found['n_left'] / found['n']:.2%} left of {found['n']:,}; the published 26.54 %"
    rows = [
        Row("Telco, five-fold AUC, boosting", f"{found['auc']:.4f} ± {found['auc_sd']:.4f}", "", found["auc"],
            Target("at least", 0.843, "AUC"), note, is_wrong=is_wrong, figures=found),
        Row("Telco, five-fold log-loss, boosting", f"{found['log_loss']:.4f}", "", found["log_loss"],
            Target("at most", 0.417, "nats"),
            f"calibration slope {found['slope'].value:.2f} ({found['slope'].low:.2f}–{found['slope'].high:.2f});"
            f" {found['seconds']:.1f} s CPU; {found['sentence']}"),
    ]  # fmt: skip
    for line in best["models"]:
        is_chosen = " ← best of: the cheapest within 0.005" if line["is_chosen"] else ""
        rows.append(Row(f"    {line['model']}", f"{line['auc']:.4f}", f"{line['seconds']:.2f} s CPU", None, None,
                        f"Telco: log-loss {line['log_loss']:.4f}{is_chosen}"))  # fmt: skip
    return rows


def real_rows(tell: Callable[[str], None]) -> list[Row]:
    """Everything on real files; nothing where RETENTION_REAL_DATA names no folder."""
    folder = real_folder()
    if folder is None:
        return [Row("churn on real files", "–", note="RETENTION_REAL_DATA names no folder of real files")]
    rows: list[Row] = []
    makers: dict[str, Callable[[Path], list[Row]]] = {
        "online_retail_ii": shop_rows,
        "cdnow": lambda store: other_rows("cdnow", store),
        "complete_journey": lambda store: other_rows("complete_journey", store),
        "groceries": control_rows,
    }
    for name, make in makers.items():
        tell(f"churn: {REAL[name].title}")
        rows += make(store_of_file(name, folder))
    tell("churn: Telco")
    return rows + telco_rows(folder)
