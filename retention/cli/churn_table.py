"""A score from a table of one's own, without a browser and without a store."""

from __future__ import annotations

import argparse
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import progress, rows
from retention.errors import FileError, SpecError

if TYPE_CHECKING:
    from retention.churn.judgement import Figure
    from retention.churn.own_score import OwnReport

FORMATS = {".csv": "csv", ".parquet": "parquet", ".xlsx": "xlsx"}


def register_table(verb: Any) -> None:
    """Add the verb."""
    parser = verb("table", _table, "a score from a table of your own: one row a user, a column that says who left")
    parser.add_argument("--file", type=Path, required=True, metavar="FILE", help="CSV, with commas, semicolons or tabs; gzipped or not")
    parser.add_argument("--label", required=True, metavar="COLUMN", help="the column that says who left")
    parser.add_argument("--positive", metavar="VALUE", help="its value that means left (default: Yes, 1, true and the like)")
    parser.add_argument("--id", dest="id_column", metavar="COLUMN", help="the column that tells users apart; never learned from")
    parser.add_argument("--leave-out", action="append", default=[], metavar="COLUMN", help="do not learn from it; may be repeated")
    parser.add_argument("--allow", action="append", default=[], metavar="COLUMN",
                        help="it tells a lot, and was known before anybody left; may be repeated")  # fmt: skip
    parser.add_argument("--model", default="boosting", metavar="NAME", help='a model, or "best of" (default: boosting)')
    parser.add_argument("--folds", type=int, default=5, metavar="N", help="parts of the cross-validation (default: 5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="FILE", help="every user's score: CSV, Parquet or XLSX")


def _table(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.export import table_bytes
    from retention.churn.model_own import own_report
    from retention.churn.own_table import own_table, read_table
    from retention.churn.spec_own import OwnSpec

    if args.out is not None and args.out.suffix.lower() not in FORMATS:
        raise SpecError(f"`--out` must end in {', '.join(FORMATS)}, not {args.out.name!r}.")
    try:
        content = args.file.read_bytes()
    except OSError as error:
        raise FileError(f"{args.file} cannot be read: {error.strerror}.", hint="Name another file.") from None
    spec = OwnSpec(
        label=args.label, id_column=args.id_column, positive=args.positive, allowed=tuple(args.allow),
        left_out=tuple(args.leave_out), model=args.model, n_folds=args.folds, seed=args.seed,
    )  # fmt: skip
    report = own_report(own_table(read_table(content), spec, args.file.name), progress("churn"))
    if args.out is not None:
        try:
            args.out.write_bytes(table_bytes(report.predictions(), FORMATS[args.out.suffix.lower()], sheet="scores"))
        except OSError as error:
            raise FileError(f"{args.out} cannot be written: {error.strerror}.", hint="Name another file.") from None
    result = told(report) | {"file": str(args.out) if args.out else None}
    return result, _text(report, result)


def told(report: OwnReport) -> dict[str, Any]:
    """Say everything that was found, but the users."""
    from retention.churn.words_own import definition

    table = report.table
    return {
        "definition": definition(table),
        "table": table.name,
        "label": table.spec.label,
        "positive": table.positive,
        "n_users": report.n_users,
        "n_left": report.n_left,
        "n_unknown": table.n_unknown,
        "base_rate": report.base_rate,
        "verdict": report.word,
        "sentence": report.sentence,
        "model": report.model,
        "figures": {name: figure(value) for name, value in report.figures.items()}
        | {"slope": figure(report.line.slope), "intercept": figure(report.line.intercept)},
        "folds": rows(report.folds),
        "models": rows(report.models),
        "calibration": rows(report.calibration),
        "columns": [
            {"name": c.name, "kind": c.kind, "n_distinct": c.n_distinct, "n_missing": c.n_missing} for c in table.columns
        ],
        "left_out": [{"name": name, "reason": reason} for name, reason in table.left_out],
        "alone": [{"name": c.name, "auc": c.auc, "is_suspect": c.is_suspect} for c in report.clues],
    }


def figure(found: Figure) -> dict[str, float | None]:
    """Write a figure with its interval; what is not known is null."""
    return {"value": known(found.value), "low": known(found.low), "high": known(found.high)}


def known(value: float) -> float | None:
    """Write a number; what is not known is null."""
    return None if isnan(value) else float(value)


def _text(report: OwnReport, result: dict[str, Any]) -> str:
    from retention.churn.words_own import FIGURES, number, who

    figures = {**report.figures, "slope": report.line.slope, "intercept": report.line.intercept}
    lines = [report.sentence, who(report.table, report.n_users, report.n_left)]
    lines += [f"{title:<26} {number(figures[name])}" for name, (title, _) in FIGURES.items()]
    lines.append("Part by part: " + ", ".join(f"{auc:.3f}" for auc in report.folds["auc"]) + " (ROC AUC)")
    if len(report.models) > 1:
        for row in report.models.itertuples(index=False):
            mark = " ← chosen" if row.is_chosen else ""
            lines.append(f"{row.model:<12} ROC AUC {row.auc:.4f}  log-loss {row.log_loss:.4f}  {row.seconds:6.2f} s{mark}")
    lines.append("Alone: " + ", ".join(f"{clue.name} {clue.auc:.2f}" for clue in report.clues[:5]))
    lines += [f"Left out: {name}, {reason}." for name, reason in report.table.left_out]
    if result["file"]:
        lines.append(f"{len(report.scores):,} scores in {result['file']}")
    return "\n".join(lines)
