"""Saved lists of users without a browser: make, combine, make anew, compare, export and forget them."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import Add, about, add_verb, names, open_store, rows
from retention.errors import FileError, SpecError, nearest
from retention.periods import iso

if TYPE_CHECKING:
    from retention.audiences.order import Audience
    from retention.audiences.saved import SavedList
    from retention.store import Store

SHOWN_USERS = 20


def register(add: Add) -> None:
    """Add the command with its verbs."""
    from retention.cli.audience_send import register_verbs

    parser = add("audience", _list, "saved lists of users: make, combine, make anew, compare, export, send")
    verbs = parser.add_subparsers(metavar="VERB")
    verb = partial(add_verb, verbs)

    verb("list", _list, "every saved list, the newest first")
    show = verb("show", _show, "one list: what made it, how large it was when, who is on it")
    show.add_argument("name", metavar="LIST")
    _add_suppression(show)
    _add_create(verb)
    combine = verb("combine", _combine, "keep the users of lists together: and, or, not (audited)")
    combine.add_argument("name", nargs="?", metavar="LIST", help="the name of the new list; without it they are only counted")
    combine.add_argument("--all", type=names, default=(), metavar="A,B", help="on all of these (and)")
    combine.add_argument("--any", type=names, default=(), metavar="A,B", help="on any of these (or)")
    combine.add_argument("--none", type=names, default=(), metavar="A,B", help="on none of these (not)")
    combine.add_argument("--refreshed", action="store_true", help="make it anew after each import")
    refresh = verb("refresh", _refresh, "make a list anew on the data as they stand, or all that are to be (audited)")
    refresh.add_argument("name", nargs="?", metavar="LIST")
    refresh.add_argument("--each-import", choices=("yes", "no"), help="only say whether it is made anew after each import")
    overlap = verb("overlap", _overlap, "how many users lists share")
    overlap.add_argument("names", nargs="*", metavar="LIST", help="by default the newest twelve")
    export = verb("export", _export, "write a list as a file (audited)")
    export.add_argument("name", metavar="LIST")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="CSV, Parquet, XLSX or JSONL, by its suffix")
    export.add_argument("--file-ids", action="store_true", help="the ids of the file instead of pseudonyms")
    _add_suppression(export)
    delete = verb("delete", _delete, "forget a list (audited)")
    delete.add_argument("name", metavar="LIST")
    register_verbs(verb)


def _add_create(verb: Add) -> None:
    create = verb("create", _create, "keep the users of a definition as a list (audited)")
    create.add_argument("name", metavar="LIST")
    who = create.add_mutually_exclusive_group(required=True)
    who.add_argument("--label", metavar="LABEL=VALUE", help='who has a label: "tag:often" or "segment:Habits v1=Rare"')
    who.add_argument("--riskiest", type=int, metavar="N", help="the users with the highest risk of lapsing")
    who.add_argument("--risk-from", type=float, metavar="P", help="users with at least this risk, from 0 to 1")
    who.add_argument("--campaign", metavar="NAME", help="the users of a campaign")
    who.add_argument("--question", metavar="JSON|@FILE", help='any definition, as `audience show --json` prints it: {"kind": …}')
    create.add_argument("--group", metavar="ARM", help="of the campaign: an arm, or holdout")
    create.add_argument("--refreshed", action="store_true", help="make it anew after each import")
    _add_suppression(create)


def _add_suppression(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--not-contacted", type=int, default=0, metavar="DAYS", help="leave out who was contacted in the last days")
    parser.add_argument("--reachable", action="store_true", help="leave out who may not be written to, as far as is known")
    parser.add_argument("--out-of-campaigns", action="store_true", help="leave out who is in a running campaign")


# What there is ---------------------------------------------------------------------------------------


def _list(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.answer_lists import saved_lists

    with open_store(args) as store:
        known = saved_lists(store)
        result = about(store.catalogue())
    lines = [
        f"{one.name}: {one.n_left:,} users, {'refreshed' if one.is_refreshed else 'static'}, as of {iso(one.as_of_us)}. {one.definition}"
        for one in known
    ]
    return {**result, "lists": [_told(one) for one in known]}, "\n".join(lines) or "No list has been saved yet."


def _told(one: SavedList) -> dict[str, Any]:
    return {
        "name": one.name,
        "definition": one.definition,
        "n_users": one.n_left,
        "n_when_made": one.n_users,
        "is_refreshed": one.is_refreshed,
        "made_as_of": iso(one.as_of_us),
        "made_of_data_version": one.data_version,
        "scoring": one.scoring_key,
        "model_version": one.version,
        "saved_at": iso(one.saved_us),
        "made_at": iso(one.made_us),
        "n_made": one.n_made,
    }


def _show(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    import json

    from retention.audiences.answer import users_of
    from retention.audiences.answer_lists import list_history, list_named, opened_list

    with open_store(args) as store:
        one = list_named(store, args.name)
        found, history = opened_list(store, one.audience_id), list_history(store, one.audience_id)
        spec, less = _less(args, store, _saved(one))
        members = users_of(store, spec)
        result = about(store.catalogue())
    times = [
        {"made_at": iso(int(r.made_us)), "as_of": iso(int(r.as_of_us)), "data_version": int(r.data_version),
         "n_users": int(r.n_users), "n_joined": int(r.n_joined), "n_left": int(r.n_left)}
        for r in history.itertuples(index=False)
    ]  # fmt: skip
    lines = [
        f"{one.name}: {one.n_left:,} users. {one.definition}",
        f"{'Refreshed with each import' if one.is_refreshed else 'Static'}; data until {iso(one.as_of_us)}, version {one.data_version}.",
        *([f"It cannot be made anew: {found.fault}"] if found.fault else []),
        *[f"  {t['as_of']}: {t['n_users']:,} users, {t['n_joined']:,} joined, {t['n_left']:,} left" for t in times],
        *less.get("sentences", []),
    ]
    shown = members.users.head(SHOWN_USERS)
    lines += [f"  {user}" for user in shown["pseudonym"]]
    if members.count > len(shown):
        lines.append(f"  … {members.count - len(shown):,} more: `audience export` writes them all.")
    told = {
        **result, **_told(one), "question": json.loads(one.question), "fault": found.fault or None, "history": times, **less,
        "n_shown": members.count, "users": rows(members.users[["pseudonym", "n_events"]]),
    }  # fmt: skip
    return told, "\n".join(lines)


def _saved(one: SavedList) -> Any:
    from retention.audiences.spec import SavedUsersSpec

    return SavedUsersSpec(audience_id=one.audience_id)


def _less(args: argparse.Namespace, store: Store, users: Any) -> tuple[Any, dict[str, Any]]:
    """Take those off who are to be left alone, and say how many for which reason."""
    from retention.audiences.answer_suppression import suppression
    from retention.audiences.spec import SuppressedUsersSpec

    if not (args.not_contacted or args.reachable or args.out_of_campaigns):
        return users, {}
    spec = SuppressedUsersSpec(
        users=users, contacted_days=args.not_contacted, is_reachable_only=args.reachable, is_out_of_campaigns=args.out_of_campaigns
    )
    found = suppression(store, spec)
    return spec, {
        "left_out": {
            "n_before": found.n_before,
            "reasons": [{"reason": reason, "n": n} for reason, n in found.reasons],
            "n_after": found.n_after,
            "unknown": list(found.unknown),
        },
        "sentences": [found.words, *found.unknown],
    }


# Make, make anew, forget -----------------------------------------------------------------------------


def _create(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    with open_store(args) as store:
        users, less = _less(args, store, _asked(args, store))
        return _kept(store, args.name, users, is_refreshed=args.refreshed, more=less)


def _asked(args: argparse.Namespace, store: Store) -> Any:
    from retention.audiences.answer_sources import spec_of
    from retention.churn.answer_scores import latest_scoring
    from retention.churn.spec_list import AtRiskSpec
    from retention.segments.spec_saved import SegmentUsersSpec
    from retention.segments.spec_tags import HELD, TagUsersSpec

    if args.group is not None and args.campaign is None:
        raise SpecError("`--group` must name a group of a campaign.", hint="Name the campaign with --campaign.")
    if args.label is not None:
        label, _, value = args.label.partition("=")
        label, value = label.strip(), value.strip()
        if label not in store.catalogue().labels:
            raise SpecError(f'There is no label "{label}".', hint=nearest(label, store.catalogue().labels))
        return SegmentUsersSpec(label, value) if label.startswith("segment:") else TagUsersSpec(label, value or HELD)
    if args.campaign is not None:
        return _campaign(args, store)
    if args.question is not None:
        return spec_of(_text(args.question))
    scoring = latest_scoring(store)
    if scoring is None:
        raise SpecError("Nobody has been scored yet.", hint="Run `churn train`, or press Score on the At risk page.")
    return AtRiskSpec(scoring_key=scoring.scoring_key, n=args.riskiest, threshold=args.risk_from)


def _text(given: str) -> str:
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text("utf-8")
    except OSError as error:
        raise FileError(f"{given[1:]} cannot be read: {error.strerror}.", hint="Check the path.") from None


def _campaign(args: argparse.Namespace, store: Store) -> Any:
    from retention.audiences.spec import CampaignUsersSpec

    known = store.catalogue().campaigns
    found = [(number, campaign) for number, campaign in known.items() if campaign.name == args.campaign]
    if not found:
        raise SpecError(f'There is no campaign "{args.campaign}".', hint=nearest(args.campaign, [c.name for c in known.values()]))
    ((number, campaign),) = found
    if args.group is None:
        return CampaignUsersSpec(campaign_id=number)
    if args.group not in campaign.groups:
        raise SpecError(f'“{campaign.name}” has no group "{args.group}".', hint=nearest(args.group, campaign.groups))
    return CampaignUsersSpec(campaign_id=number, arm_key=campaign.groups.index(args.group))


def _kept(
    store: Store, name: str, users: Any, *, is_refreshed: bool, more: dict[str, Any] | None = None
) -> tuple[dict[str, Any], str]:
    from retention.audiences.order import save_audience
    from retention.audiences.spec import AudienceSpec

    saved: Audience = save_audience(store, AudienceSpec(name=name, users=users, is_refreshed=is_refreshed))
    result = {
        **about(store.catalogue()), "name": saved.name, "definition": saved.definition, "n_users": saved.n_users,
        "is_refreshed": saved.is_refreshed, **(more or {}),
    }  # fmt: skip
    said = "made anew after each import" if saved.is_refreshed else "frozen now"
    lines = [f"“{saved.name}” holds {saved.n_users:,} users, {said}. {saved.definition}", *(more or {}).get("sentences", [])]
    return result, "\n".join(lines)


def _combine(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.answer_lists import list_named
    from retention.audiences.answer_overlap import combined_count
    from retention.audiences.spec import CombinedUsersSpec
    from retention.audiences.words import combined_words

    with open_store(args) as store:
        parts = {
            f"{word}_of": tuple(list_named(store, name).audience_id for name in getattr(args, word)) for word in ("all", "any", "none")
        }
        spec = CombinedUsersSpec(**parts)
        if args.name is not None:
            return _kept(store, args.name, spec, is_refreshed=args.refreshed)
        n, catalogue = combined_count(store, spec), store.catalogue()
    definition = combined_words(spec, catalogue)
    return {**about(catalogue), "definition": definition, "n_users": n}, f"{n:,} users. {definition} Nothing is saved."


def _refresh(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.answer_lists import list_named
    from retention.audiences.order import keep_refreshed, refresh_audience, refresh_audiences
    from retention.audiences.words import refreshed_words

    with open_store(args) as store:
        if args.each_import is not None:
            if args.name is None:
                raise SpecError("`--each-import` must be said of a list.", hint="Name the list.")
            is_refreshed = args.each_import == "yes"
            keep_refreshed(store, list_named(store, args.name).audience_id, is_refreshed=is_refreshed)
            said = "is made anew after each import" if is_refreshed else "stays as it is"
            return {**about(store.catalogue()), "name": args.name, "is_refreshed": is_refreshed}, f"“{args.name}” {said} from now on."
        done = (
            refresh_audiences(store) if args.name is None else (refresh_audience(store, list_named(store, args.name).audience_id),)
        )
        result = about(store.catalogue())
    told = [
        {"name": one.name, "n_users": one.n_users, "n_joined": one.n_joined, "n_left": one.n_left, "fault": one.fault or None}
        for one in done
    ]
    return {**result, "lists": told}, "\n".join(map(refreshed_words, done)) or "No list is to be made anew."


def _delete(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.answer_lists import list_named
    from retention.audiences.order import delete_audience

    with open_store(args) as store:
        delete_audience(store, list_named(store, args.name).audience_id)
        result = about(store.catalogue())
    return {**result, "deleted": args.name}, f"“{args.name}” is deleted."


# Compare, take away ----------------------------------------------------------------------------------


def _overlap(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.answer_lists import list_named, saved_lists
    from retention.audiences.answer_overlap import MOST_LISTS, overlap
    from retention.cohorts.words import percent

    with open_store(args) as store:
        chosen = [list_named(store, name) for name in args.names] if args.names else list(saved_lists(store)[:MOST_LISTS])
        found = overlap(store, tuple(one.audience_id for one in chosen))
        result = about(store.catalogue())
    table = rows(found.table)
    lines = [f"{one.name}: {one.n_left:,} users" for one in chosen]
    lines += [
        f"  {row['n_both']:,} of “{row['list']}” are on “{row['other']}”"
        + ("" if row["share"] is None else f" ({percent(row['share'])})")
        for row in table
    ]
    return {**result, "overlaps": table}, "\n".join(lines)


def _export(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.answer_lists import list_named
    from retention.audiences.order_export import export_file

    with open_store(args) as store:
        one = list_named(store, args.name)
        spec, less = _less(args, store, _saved(one))
        written = export_file(store, spec, args.out, "file ids" if args.file_ids else "pseudonym")
        result = about(store.catalogue())
    text = [f"{written.n_rows:,} users of “{one.name}”, in {args.out}", *less.get("sentences", [])]
    return {
        **result, **_told(one), **less, "n_rows": written.n_rows, "sha256": written.sha256, "file": str(args.out),
    }, "\n".join(text)  # fmt: skip
