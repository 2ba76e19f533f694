"""One user without a browser; the id of the file is looked up and never printed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import Add, about, iso_or_none, open_store, rows
from retention.errors import FileError, SpecError
from retention.periods import date_of, iso

if TYPE_CHECKING:
    import pandas as pd

    from retention.profiles.profile import Profile, Standing

FORMATS = {".csv": "csv", ".parquet": "parquet", ".xlsx": "xlsx"}


def register(add: Add) -> None:
    """Add the command."""
    profile = add("profile", _profile, "what the store knows of one user, and how they compare")
    profile.add_argument("user", metavar="USER", help="a pseudonym, its first 6 characters or more, or the id in the file")
    profile.add_argument("--out", type=Path, metavar="FILE", help="as a file (audited): CSV, Parquet or XLSX")


def _profile(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.export import table_bytes
    from retention.features.answer import user_features
    from retention.profiles.answer import find_user, user_profile, user_standing
    from retention.profiles.order import export_profile
    from retention.profiles.spec import COMPARED

    if args.out is not None and args.out.suffix.lower() not in FORMATS:
        raise SpecError(f"`--out` must end in {', '.join(FORMATS)}, not {args.out.name!r}.")
    with open_store(args) as store:
        spec = find_user(store, args.user)
        profile = user_profile(store, spec)
        among = user_standing(user_features(store, COMPARED), profile)
        content = export_profile(store, spec, FORMATS[args.out.suffix.lower()], table_bytes) if args.out else b""
        result = about(store.catalogue())
    if args.out:
        try:
            args.out.write_bytes(content)
        except OSError as error:
            raise FileError(f"{args.out} cannot be written: {error.strerror}.", hint="Name another file.") from None
    result |= _said(profile, among)
    result["file"] = str(args.out) if args.out else None
    return result, _text(profile, among)


def _said(profile: Profile, among: Standing | None) -> dict[str, Any]:
    from retention.profiles.profile import category_table
    from retention.profiles.words import standing_definition, verdict

    active = profile.active_days
    features = [] if among is None else rows(among.table.drop(columns=["title", "meaning", "group"]))
    return {
        "definition": "What happened before the watermark. "
        + ("" if among is None else standing_definition(among)),
        "user": profile.pseudonym,
        "verdict": " ".join(verdict(profile)),
        "first_at": iso(profile.first_us),
        "last_at": iso(profile.last_us),
        "n_events": profile.n_events,
        "n_later": profile.n_later,
        "n_active_days": len(active),
        "last_active_on": date_of(active[-1]).isoformat() if active else None,
        "silent_days": profile.silent_days,
        "is_lapsed": profile.is_lapsed,
        "n_returns": profile.n_returns,
        "n_orders": profile.n_orders,
        "net": profile.net,
        "attributes": rows(_dated(profile.attributes)),
        "labels": rows(profile.latest_labels().assign(cutoff_at=lambda t: [iso(int(us)) for us in t["cutoff_us"]]).drop(columns="cutoff_us")),
        "features": features,
        "categories": rows(category_table(profile.items)),
        "items": rows(_dated(profile.items)),
        "usual_hours": list(profile.hours.usual),
        "hours": [int(n) for n in profile.hours.counts["n"]],
        "weekdays": list(profile.weekdays),
        "orders": rows(profile.orders.assign(day=[date_of(int(d)).isoformat() for d in profile.orders["day"]])),
        "reviews": rows(_dated(profile.reviews)),
        "searches": rows(_dated(profile.searches)),
        "contacts": rows(_dated(profile.contacts)),
        "latest_events": rows(_dated(profile.latest)),
    }


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    """Write instants as texts."""
    for name in [c for c in frame.columns if c.endswith("_us")]:
        texts = [iso_or_none(int(us)) for us in frame[name]]
        frame = frame.rename(columns={name: f"{name.removesuffix('_us')}_at"}).assign(
            **{f"{name.removesuffix('_us')}_at": texts}
        )
    return frame


def _text(profile: Profile, among: Standing | None) -> str:
    from retention.behaviour.words_hours import user_verdict
    from retention.profiles.profile import category_table
    from retention.profiles.words import contacts_words, remarkable_sentences, verdict

    lines = [f"user {profile.pseudonym}", *verdict(profile)]
    lines += [f"{row.name}: {row.value} (as of {iso(row.cutoff_us)})" for row in profile.latest_labels().itertuples(index=False)]
    if among is not None:
        lines += remarkable_sentences(among)
    categories = category_table(profile.items)
    if len(categories):
        top = ", ".join(f"{r.category} ({r.n_bought} bought)" for r in categories.head(3).itertuples(index=False))
        lines.append(f"Interests: {top}")
    lines.append(user_verdict(profile.hours))
    if len(profile.contacts):
        lines.append(contacts_words(profile.contacts))
    return "\n".join(lines)
