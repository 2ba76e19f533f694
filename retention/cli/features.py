"""One row a user as of a day, as a file."""

from __future__ import annotations

import argparse
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import Add, about, names, open_store, rows
from retention.errors import FileError, SpecError
from retention.periods import iso

if TYPE_CHECKING:
    from retention.features.table import FeatureTable

FORMATS = {".csv": "csv", ".parquet": "parquet", ".xlsx": "xlsx"}


def register(add: Add) -> None:
    """Add the command."""
    parser = add("features", _features, "what is known of every user as of a day, as a file (audited)")
    parser.add_argument(
        "--as-of", metavar="D", help="look only at what happened before this day or moment (default: all that is complete)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="CSV, Parquet or XLSX, by its suffix")
    parser.add_argument("--preset", default="", metavar="rfm,engagement,commerce,habits")
    parser.add_argument("--features", default="", metavar="NAME[,NAME]", help="default: all, or those of the presets")
    parser.add_argument("--where", action="append", default=[], metavar="country=France")


def _features(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.export import table_bytes
    from retention.cohorts.spec import Condition
    from retention.features.answer import user_features
    from retention.features.order import export_features
    from retention.features.spec import FeatureSpec

    fmt = _format(args.out) if args.out else ""
    spec = FeatureSpec(
        cutoff=_cutoff(args.as_of),
        names=names(args.features),
        presets=names(args.preset),
        where=tuple(Condition.parse(text) for text in args.where),
    )
    with open_store(args) as store:
        if args.out:
            content, table = export_features(store, spec, fmt, table_bytes)
            try:
                args.out.write_bytes(content)
            except OSError as error:
                raise FileError(f"{args.out} cannot be written: {error.strerror}.", hint="Name another file.") from None
        else:
            table = user_features(store, spec)
        result: dict[str, Any] = {
            **about(store.catalogue()),
            "definition": f"One row a user who was active before {iso(table.cutoff_us)}, from what happened before then only.",
            "cutoff": iso(table.cutoff_us),
            "n_users": table.n_users,
            "features": rows(table.describe()),
            "absent": dict(table.absent),
            "notes": list(table.notes),
            "file": str(args.out) if args.out else None,
        }
    return result, _text(table, result["file"])


def _cutoff(text: str | None) -> date | datetime | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise SpecError(f"`--as-of` must look like 2026-01-31 or 2026-01-31T18:00+01:00, not {text!r}.") from None


def _format(path: Path) -> str:
    if path.suffix.lower() not in FORMATS:
        raise SpecError(f"`--out` must end in {', '.join(FORMATS)}, not {path.name!r}.")
    return FORMATS[path.suffix.lower()]


def _text(table: FeatureTable, file: str | None) -> str:
    lines = [f"{table.n_users:,} users, {len(table.names)} features, before {iso(table.cutoff_us)}" + (f", in {file}" if file else "")]
    for row in table.describe().itertuples(index=False):
        middle = "" if row.median != row.median else f"{row.q25:,.4g} | {row.median:,.4g} | {row.q75:,.4g}"
        lines.append(f"{row.name:<24} {row.unit:<14} {middle:<32} {row.title}")
    lines += [f"absent: {name}. {reason}" for name, reason in table.absent.items()]
    return "\n".join([*lines, *table.notes])
