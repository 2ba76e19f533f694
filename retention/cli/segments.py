"""Segments without a browser: make and judge them, save them, score them at other dates, compare, export."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import (
    Add,
    about,
    add_verb,
    day_of,
    iso_or_none,
    names,
    open_store,
    progress,
    rows,
)
from retention.errors import SpecError
from retention.periods import day_number, iso, midnight_us

if TYPE_CHECKING:
    from retention.segments.saved import SavedSegmentation
    from retention.segments.spec import SegmentSpec
    from retention.store import Store

ENOUGH_USERS = 200
"""So many users must have the recommended number of active days, or one day is asked for."""


def register(add: Add) -> None:
    """Add the command with its verbs."""
    from retention.cli.segments_after import register_after, register_sweep

    parser = add("segments", _list, "make, save, score and compare segments of users")
    verbs = parser.add_subparsers(metavar="VERB")
    verb = partial(add_verb, verbs)

    verb("list", _list, "the saved segmentations, and as of when each has labels")
    fit = verb("fit", _fit, "make segments and judge them; keep them with --save")
    add_settings(fit)
    fit.add_argument("--save", "--name", metavar="NAME", help="keep them as the next version of this name (audited)")
    fit.add_argument("--names", default="", metavar="A,B,C", help="what the segments are called, the largest first")
    score = verb("score", _score, "put the users into saved segments as of another day (audited)")
    _add_label(score)
    score.add_argument(
        "--as-of", type=day_of, metavar="D", help="look only at what happened before this day (default: all that is complete)"
    )
    compare = verb("compare", _compare, "who moved between two days, and how far the features have moved")
    _add_label(compare)
    compare.add_argument("--from", dest="from_on", type=day_of, required=True, metavar="D")
    compare.add_argument("--to", dest="to_on", type=day_of, metavar="D", help="default: the latest day with labels")
    rename = verb("rename", _rename, "call the segments otherwise, in their order (audited)")
    _add_label(rename)
    rename.add_argument("names", metavar="A,B,C", help="an empty name keeps the old one")
    _add_label(verb("delete", _delete, "forget a saved segmentation with its labels (audited)"))
    export = verb("export", _export, "the users of a segment as a file (audited)")
    _add_label(export)
    export.add_argument("segment", metavar="SEGMENT")
    export.add_argument("--as-of", type=day_of, metavar="D", help="a day with labels (default: the latest)")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="CSV, Parquet or XLSX, by its suffix")
    export.add_argument("--file-ids", action="store_true", help="the ids of your file instead of pseudonyms")
    register_sweep(verb)
    register_after(verb)


def _add_label(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("label", metavar="LABEL", help='"Shoppers v2", or "Shoppers" for the latest version')


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add what segments are made of."""
    parser.add_argument("--method", default="kmeans", metavar="kmeans|mixture|hdbscan|rfm")
    parser.add_argument("--k", type=int, default=4, help="number of segments (K-means and mixture)")
    parser.add_argument("--preset", default="", metavar="rfm,engagement,commerce,habits", help="default: habits")
    parser.add_argument("--features", default="", metavar="NAME[,NAME]", help="single features, added to the presets")
    parser.add_argument("--as-of", type=day_of, metavar="D", help="look only at what happened before this day")
    parser.add_argument("--where", action="append", default=[], metavar="country=France")
    parser.add_argument(
        "--min-active-days", type=int, metavar="N",
        help="leave out users with fewer (default: as recommended where enough users have so many, else 1)",
    )  # fmt: skip
    parser.add_argument("--log", default="auto", metavar="auto|all|none", help="which features are taken as logarithms")
    parser.add_argument("--winsorise", type=float, default=0.01, metavar="SHARE", help="pulled in at each end")
    parser.add_argument("--scale", default="standard", metavar="standard|robust|quantile|none")
    parser.add_argument("--reduction", default="none", metavar="none|pca|autoencoder")
    parser.add_argument("--components", type=int, default=2, metavar="N", help="columns that a reduction leaves")
    parser.add_argument("--seed", type=int, default=0)


def settings(args: argparse.Namespace, store: Store) -> SegmentSpec:
    """Read what segments are made of; what was not said is as recommended for the store."""
    from retention.cohorts.spec import Condition
    from retention.features.answer import user_features
    from retention.features.spec import FeatureSpec
    from retention.segments.spec import RECOMMENDED, SegmentSpec

    presets, single = names(args.preset), names(args.features)
    where = tuple(Condition.parse(text) for text in args.where)
    if not presets and not single:
        presets = RECOMMENDED.features.presets
    least = args.min_active_days
    if least is None and args.method == "rfm":
        least = 1
    elif least is None:
        known = user_features(store, FeatureSpec(cutoff=args.as_of, names=("active_days",), where=where))
        n_enough = int((known.frame["active_days"] >= RECOMMENDED.min_active_days).sum())
        least = RECOMMENDED.min_active_days if n_enough >= ENOUGH_USERS else 1
    return SegmentSpec(
        features=FeatureSpec(cutoff=args.as_of, names=single, presets=presets, where=where),
        min_active_days=least,
        method=args.method,
        k=args.k,
        log=args.log,
        winsorise=args.winsorise,
        scale=args.scale,
        reduction=args.reduction,
        n_components=args.components,
        seed=args.seed,
    )


def _fit(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.segments.answer_saved import judged_segments
    from retention.segments.order import save_segmentation
    from retention.segments.saved import segment_texts

    called = tuple(name.strip() for name in args.names.split(",")) if args.names else None
    with open_store(args) as store:
        spec = settings(args, store)
        found, quality = judged_segments(store, spec, progress("segments"))
        shown = segment_texts(called, found.names) if called else found.names
        saved = None
        if args.save:
            saved = save_segmentation(store, spec, args.save, called, quality, data_version=found.data_version)
            shown = saved.segments
        sizes = found.sizes()
        sizes.loc[sizes["segment"] >= 0, "name"] = list(shown)
        result: dict[str, Any] = {
            **about(store.catalogue()),
            "definition": f"Users alike in {', '.join(found.features)}, from what happened before {iso(found.cutoff_us)} only.",
            "cutoff": iso(found.cutoff_us),
            "method": spec.method,
            "features": list(found.features),
            "min_active_days": spec.min_active_days,
            "n_users": found.n_users,
            "n_left_out": found.n_left_out,
            "segments": _segments(rows(sizes), quality),
            "quality": {name: quality.get(name) for name in ("verdict", "margin", "fidelity", "n_bootstraps", "inertia_loss")},
            "profile": rows(found.profile()),
            "notes": list(found.notes),
            "label": saved.label if saved else None,
        }
    return result, _fit_text(result)


def _segments(sizes: list[dict[str, Any]], quality: dict[str, Any]) -> list[dict[str, Any]]:
    """Put beside each segment how sure it is, and who is in it in words."""
    rules = {rule["segment"]: rule for rule in quality["rules"]}
    verdicts, stability = quality.get("verdicts") or [], quality.get("stability") or []
    for row in sizes:
        place = row["segment"]
        row["verdict"] = verdicts[place] if 0 <= place < len(verdicts) else None
        row["stability"] = stability[place] if 0 <= place < len(stability) else None
        row["words"] = rules[place]["text"] if place in rules else None
    return sizes


def _fit_text(result: dict[str, Any]) -> str:
    n_out, least = result["n_left_out"], result["min_active_days"]
    out = f", {n_out:,} left out for fewer than {least} active days" if n_out else ""
    lines = [f"{result['n_users']:,} users before {result['cutoff']}{out}. {result['quality']['verdict']}"]
    for row in result["segments"]:
        share = "" if row["value_share"] is None else f"{row['value_share']:6.1%} of revenue"
        lines.append(f"{row['name']:<24} {row['n']:>9,} {row['share']:6.1%} {share:<18} {row['verdict'] or '':<20} {row['words'] or ''}")
    fidelity = result["quality"]["fidelity"]
    if fidelity is not None:
        lines.append(f"The words put {fidelity:.1%} of the users where they are.")
    lines += result["notes"]
    lines.append(f"Saved as {result['label']}." if result["label"] else "Not saved: name it with --save.")
    return "\n".join(lines)


def _list(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.segments.answer_saved import saved_segmentations

    with open_store(args) as store:
        found = saved_segmentations(store)
        result = {**about(store.catalogue()), "segmentations": [_told(one) for one in found]}
    lines = []
    for one in found:
        lines.append(f"{one.label:<32} {one.n_users:>9,} users  {', '.join(one.segments)}")
        lines.append(f"    as of {', '.join(iso(labels.cutoff_us) for labels in one.labellings)}. {one.quality.get('verdict', '')}")
    return result, "\n".join(lines) or "No segmentation has been saved yet."


def _told(one: SavedSegmentation) -> dict[str, Any]:
    return {
        "label": one.label,
        "name": one.name,
        "version": one.version,
        "cutoff": iso(one.cutoff_us),
        "made_on_data_version": one.data_version,
        "n_users": one.n_users,
        "method": one.spec.method,
        "features": list(one.features),
        "segments": list(one.segments),
        "quality": one.quality,
        "saved_at": iso_or_none(one.saved_us),
        "labellings": [
            {"cutoff": iso(labels.cutoff_us), "n_users": labels.n_users, "data_version": labels.data_version}
            for labels in one.labellings
        ],
    }


def _score(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.segments.answer_saved import labelled_sizes, saved_segmentation
    from retention.segments.order import score_segmentation

    with open_store(args) as store:
        one = saved_segmentation(store, args.label)
        labels = score_segmentation(store, one.property_key, args.as_of)
        sizes = labelled_sizes(store, one.property_key, labels.cutoff_us)
        result = {
            **about(store.catalogue()),
            "label": one.label,
            "cutoff": iso(labels.cutoff_us),
            "made_as_of": iso(one.cutoff_us),
            "n_users": labels.n_users,
            "segments": rows(sizes),
            "drift": labels.about["drift"],
            "notes": labels.about["notes"],
        }
    lines = [f"{one.label} as of {result['cutoff']}: {labels.n_users:,} users"]
    lines += [f"{row.name:<24} {row.n:>9,} {row.share:6.1%}" for row in sizes.itertuples(index=False)]
    return result, "\n".join([*lines, *_drift_lines(labels.about["drift"]), *labels.about["notes"]])


def _drift_lines(drift: list[dict[str, Any]]) -> list[str]:
    return [f"{row['title']:<32} {row['words']}" for row in drift]


def _compare(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.segments.answer_saved import drift_between, movements_between, saved_segmentation
    from retention.segments.spec_saved import MovementSpec

    with open_store(args) as store:
        one = saved_segmentation(store, args.label)
        before_us = _moment(one, args.from_on, store)
        after_us = one.latest.cutoff_us if args.to_on is None else _moment(one, args.to_on, store)
        spec = MovementSpec(one.property_key, before_us, after_us)
        moves, drift = movements_between(store, spec), rows(drift_between(store, spec))
        result = {
            **about(store.catalogue()),
            "definition": "Users in a segment at one of the two moments at least; shares are of those who were in “before”.",
            "label": one.label,
            "from": iso(before_us),
            "to": iso(after_us),
            "n_users": int(moves["n"].sum()),
            "movements": rows(moves),
            "drift": drift,
        }
    lines = [f"{one.label} from {result['from']} to {result['to']}"]
    for row in moves.itertuples(index=False):
        share = "" if row.share != row.share else f"{row.share:6.1%}"
        lines.append(f"{row.before:<24} → {row.after:<24} {row.n:>9,} {share}")
    return result, "\n".join([*lines, *_drift_lines(drift)])


def _moment(one: SavedSegmentation, on: Any, store: Store) -> int:
    """Find the labels of a day: those as of its beginning, or as of a moment within it.

    Raises
    ------
    SpecError
        If there are none.
    """
    timezone = store.catalogue().settings.timezone
    first, end = (midnight_us(day_number(on) + i, timezone) for i in (0, 1))
    found = [labels.cutoff_us for labels in one.labellings if first <= labels.cutoff_us < end]
    if not found:
        known = ", ".join(iso(labels.cutoff_us) for labels in one.labellings)
        raise SpecError(
            f"{one.label} has no labels as of {on.isoformat()}, only as of {known}.",
            hint=f'Make them: segments score "{one.label.partition(":")[2]}" --as-of {on.isoformat()}',
        )
    return found[0]


def _rename(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.segments.answer_saved import saved_segmentation
    from retention.segments.order import rename_segments

    with open_store(args) as store:
        one = saved_segmentation(store, args.label)
        rename_segments(store, one.property_key, args.names.split(","))
        now = saved_segmentation(store, one.property_key)
        result = {**about(store.catalogue()), "label": now.label, "segments": list(now.segments)}
    return result, f"{now.label}: {', '.join(now.segments)}"


def _delete(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.segments.answer_saved import saved_segmentation
    from retention.segments.order import delete_segmentation

    with open_store(args) as store:
        one = saved_segmentation(store, args.label)
        delete_segmentation(store, one.property_key)
        result = {**about(store.catalogue()), "deleted": one.label}
    return result, f"{one.label} is deleted."


def _export(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.order_export import export_file
    from retention.segments.answer_saved import saved_segmentation
    from retention.segments.spec_saved import SegmentUsersSpec

    with open_store(args) as store:
        one = saved_segmentation(store, args.label)
        cutoff_us = one.latest.cutoff_us if args.as_of is None else _moment(one, args.as_of, store)
        spec = SegmentUsersSpec(one.label, args.segment, cutoff_us)
        n_users = export_file(store, spec, args.out, "file ids" if args.file_ids else "pseudonym").n_rows
        result = {
            **about(store.catalogue()),
            "label": one.label,
            "segment": args.segment,
            "cutoff": iso(cutoff_us),
            "n_users": n_users,
            "file": str(args.out),
        }
    return result, f"{n_users:,} users of {one.label}, {args.segment}, in {args.out}"
