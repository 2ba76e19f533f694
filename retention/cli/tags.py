"""Tags without a browser: write them, count them, list who has them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import Add, about, day_of, open_store
from retention.errors import SpecError
from retention.periods import iso

if TYPE_CHECKING:
    from retention.segments.tags import SavedTag

VERBS = ("list", "preview", "save", "count", "delete", "export")
DEFINITION = "Users who satisfied all conditions of the rule, from what had happened before the date of the count."


def register(add: Add) -> None:
    """Add the command."""
    tags = add("tags", _tags, "words for users who satisfy a rule: list, preview, save, count, delete, export")
    tags.add_argument("verb", nargs="?", choices=VERBS, default="list")
    tags.add_argument(
        "tag", nargs="?", metavar="TAG",
        help='the name of a tag; for preview and save the rule: "night shopper: share_night >= 0.4 and orders >= 2"',
    )  # fmt: skip
    tags.add_argument("--as-of", type=day_of, metavar="D", help="count from what happened before this day (default: all)")
    tags.add_argument("--out", type=Path, metavar="FILE", help="export (audited): CSV, Parquet or XLSX, by its suffix")
    tags.add_argument("--file-ids", action="store_true", help="export the ids of the file instead of pseudonyms")


def _tags(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    if args.verb == "list":
        return _list(args)
    if not args.tag:
        raise SpecError("Name the tag.", hint="`python -m retention tags list` names them all.")
    return {"preview": _preview, "save": _save, "count": _count, "delete": _delete, "export": _export}[args.verb](args)


def _list(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.segments.answer_tags import label_values, saved_tags

    with open_store(args) as store:
        tags, learned = saved_tags(store), label_values(store)
        result = about(store.catalogue())
    values = [
        {"label": row.label, "value": row.value, "n_users": int(row.n), "n_looked_at": int(row.n_users), "as_of": iso(int(row.cutoff_us))}
        for row in learned.itertuples(index=False)
    ]
    lines = [_line(tag) for tag in tags]
    lines += [f"{v['label']}: {v['value']}  {v['n_users']:,} of {v['n_looked_at']:,} users  learned  as of {v['as_of']}" for v in values]
    return (
        {**result, "definition": DEFINITION, "tags": [_said(tag) for tag in tags], "learned": values},
        "\n".join(lines) or "There is no tag.",
    )


def _preview(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.cohorts.words import percent
    from retention.segments.answer_tags import tag_preview
    from retention.segments.spec_tags import TagSpec

    with open_store(args) as store:
        found = tag_preview(store, TagSpec.parse(args.tag))
        result = about(store.catalogue())
    conditions = [{"condition": r.condition, "n_users": int(r.n), "n_known": int(r.n_known)} for r in found.conditions.itertuples()]
    lines = [f"{found.spec.name}: {found.n:,} of {found.n_users:,} users ({percent(found.share)}); nothing is saved."]
    lines += [f"   {c['condition']}: {c['n_users']:,} users, known of {c['n_known']:,}" for c in conditions]
    return (
        {
            **result, "definition": DEFINITION, "tag": found.spec.name, "n_users": found.n, "n_looked_at": found.n_users,
            "share": found.share, "counted_as_of": iso(found.cutoff_us), "conditions": conditions,
        },
        "\n".join(lines),
    )  # fmt: skip


def _save(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.segments.order_tags import count_tag, save_tag
    from retention.segments.spec_tags import TagSpec

    with open_store(args) as store:
        tag = save_tag(store, TagSpec.parse(args.tag))
        if args.as_of:
            tag = count_tag(store, tag.property_key, args.as_of)
        result = about(store.catalogue())
    return {**result, "definition": DEFINITION, **_said(tag)}, _line(tag)


def _count(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.segments.answer_tags import saved_tag
    from retention.segments.order_tags import count_tag

    with open_store(args) as store:
        tag = count_tag(store, saved_tag(store, args.tag).property_key, args.as_of)
        result = about(store.catalogue())
    return {**result, "definition": DEFINITION, **_said(tag)}, _line(tag)


def _delete(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.segments.answer_tags import saved_tag
    from retention.segments.order_tags import delete_tag

    with open_store(args) as store:
        tag = saved_tag(store, args.tag)
        delete_tag(store, tag.property_key)
    return {"deleted": tag.label}, f"{tag.label} is deleted."


def _export(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.order_export import export_file
    from retention.segments.answer_tags import saved_tag
    from retention.segments.spec_tags import TagUsersSpec

    if args.out is None:
        raise SpecError("`--out` must name a file.", hint="For example --out often.csv.")
    with open_store(args) as store:
        tag = saved_tag(store, args.tag)
        export_file(store, TagUsersSpec(tag.label), args.out, "file ids" if args.file_ids else "pseudonym")
        result = about(store.catalogue())
    return (
        {**result, "definition": DEFINITION, **_said(tag), "file": str(args.out)},
        f"{tag.n:,} users with {tag.label}, in {args.out}",
    )


def _said(tag: SavedTag) -> dict[str, Any]:
    return {
        "tag": tag.name,
        "label": tag.label,
        "rule": tag.rule,
        "n_users": tag.n,
        "n_looked_at": tag.n_users,
        "share": tag.share,
        "counted_as_of": iso(tag.cutoff_us),
        "fault": tag.fault or None,
    }


def _line(tag: SavedTag) -> str:
    from retention.cohorts.words import percent

    fault = f"  {tag.fault}" if tag.fault else ""
    return f"{tag.label}  {tag.n:,} of {tag.n_users:,} users ({percent(tag.share)})  {tag.rule}  as of {iso(tag.cutoff_us)}{fault}"
