"""Interventions and campaigns without a browser: the catalogue, who gets what and who is held out, and the file of it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import Add, about, add_verb, day_of, names, open_store
from retention.errors import SpecError, nearest
from retention.periods import iso

if TYPE_CHECKING:
    from retention.audiences.spec import CampaignUsersSpec
    from retention.interventions.campaign import Campaign
    from retention.interventions.spec import Arm, Intervention
    from retention.store import Store


def register(add: Add) -> None:
    """Add the commands with their verbs."""
    parser = add("interventions", _list_interventions, "what can be done for users: the catalogue, and your own")
    verb = partial(add_verb, parser.add_subparsers(metavar="VERB"))
    verb("list", _list_interventions, "the catalogue and your own, with costs and effects, assumed or measured")
    save = verb("save", _save, "keep an intervention as your own, made from one that there is (audited)")
    save.add_argument("name", metavar="NAME", help="what yours is called; one of the same name gives way")
    save.add_argument("--like", default="", metavar="NAME", help="begin from this one (default: the one of the same name)")
    save.add_argument("--channel", metavar="TEXT")
    save.add_argument("--contact-cost", type=float, metavar="MONEY", help="for each user who is contacted")
    save.add_argument("--incentive", type=float, metavar="MONEY", help="given to a user who takes the offer up")
    save.add_argument("--redemption", type=float, metavar="SHARE", help="of the users who stay, who takes it up")
    save.add_argument("--effect", metavar="LOW,HIGH", help="the assumed 95 %% range: 0.05,0.15 = of 100 would-be lapsers, 5 to 15 stay")
    save.add_argument("--unit", choices=("save rate", "points"), help="what the range is a share of: would-be lapsers, or all contacted")
    save.add_argument("--measured", metavar="CAMPAIGN", help="take the effect that this campaign was found to have instead")
    save.add_argument("--cap-days", type=int, metavar="DAYS", help="a user is contacted at most once in so many days; 0 = no cap")
    save.add_argument("--hour", type=int, metavar="0-23")
    save.add_argument("--per-week", type=int, metavar="N", help="how often a week it is repeated")
    save.add_argument("--offer", metavar="TEXT", help="what messages fill in for {offer}")
    messages = verb("messages", _messages, "what up to 20 users would read, and who would get no message; nothing is sent")
    add_users(messages)
    messages.add_argument("--like", default="coupon", metavar="NAME", help="begin from the template of this intervention")
    messages.add_argument("--language", choices=("English", "Chinese"), default="English")
    messages.add_argument("--template", metavar="TEXT", help="a text with fields such as {favourite_item}")
    messages.add_argument("--fallback", metavar="TEXT", help="what is written where a field is not known (default: nothing)")
    messages.add_argument("--offer", metavar="TEXT", help="what {offer} stands for (default: the intervention's)")
    messages.add_argument("--segmentation", metavar="LABEL", help="whose segments {segment_item} looks at (default: all users are one)")
    messages.add_argument("--n", type=int, default=20, metavar="N", help="of how many users (default and most: 20)")
    delete = verb("delete", _delete, "forget one of your own (audited)")
    delete.add_argument("name", metavar="NAME")

    assign = add("assign", _assign, "divide users over the arms of a campaign and its holdout; nothing is sent (audited)")
    assign.add_argument("name", metavar="NAME", help="of the campaign")
    add_users(assign)
    assign.add_argument(
        "--arm", action="append", default=[], metavar="[NAME=]INTERVENTION[:SHARE]",
        help='an intervention, with a name and a relative share of its own if you like: "strong=Discount coupon:2"',
    )  # fmt: skip
    assign.add_argument("--holdout", type=float, default=0.1, metavar="SHARE", help="who gets nothing, by lot (default: 0.1)")
    assign.add_argument("--window", type=int, default=28, metavar="DAYS", help="in which a user counts as staying (default: 28)")
    assign.add_argument("--smallest", type=float, metavar="POINTS", help="plan: the smallest change of the share that stays worth having")
    assign.add_argument("--baseline", type=float, metavar="SHARE", help="plan: the share that stays without it; see `experiment plan`")
    assign.add_argument("--on", type=day_of, metavar="D", help="the day on which it is sent (default: where the data end)")
    assign.add_argument("--budget", type=float, metavar="MONEY", help="spend at most so much by expected cost, on whom it is worth most")
    assign.add_argument("--margin", type=float, default=1.0, metavar="SHARE", help="with --budget: of revenue, what is gain (default: 1)")
    assign.add_argument("--value", type=float, metavar="MONEY", help="with --budget: what a user who stays is worth (default: each user's own)")

    parser = add("campaigns", _list_campaigns, "the campaigns that were assigned: their groups, and the file of who gets what")
    verb = partial(add_verb, parser.add_subparsers(metavar="VERB"))
    verb("list", _list_campaigns, "all campaigns, the newest first")
    verb("show", _show, "one campaign with its groups").add_argument("name", metavar="NAME")
    verb("end", _end, "end one: its users may be in others again (audited)").add_argument("name", metavar="NAME")
    export = verb("export", _export, "who gets what, as a file with campaign, arm, holdout and reason (audited)")
    export.add_argument("name", metavar="NAME")
    export.add_argument("--arm", metavar="ARM", help='only this group; "holdout" is one')
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="CSV, XLSX, Parquet or JSON lines, by its ending")
    export.add_argument("--file-ids", action="store_true", help="the ids of your file instead of pseudonyms")


# Whom it is for ---------------------------------------------------------------------------------------


def add_users(parser: argparse.ArgumentParser) -> None:
    """Add whom something is for, and whom to leave alone."""
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--audience", metavar="NAME", help="a saved list")
    who.add_argument("--label", metavar="risk=high risk", help="a segment, a tag or a tier: the label, and its value")
    who.add_argument("--campaign", metavar="NAME", help="the users of a campaign that was assigned")
    who.add_argument("--riskiest", type=int, metavar="N", help="so many users with the highest risk of lapsing")
    parser.add_argument("--group", metavar="ARM", help="with --campaign: only this group of it")
    parser.add_argument("--not-contacted-days", type=int, default=0, metavar="N", help="leave out whoever was contacted since")
    parser.add_argument("--reachable", action="store_true", help="leave out whoever may not be written to, as far as is known")
    parser.add_argument("--out-of-campaigns", action="store_true", help="leave out whoever is in a campaign that is running")


def users_asked(args: argparse.Namespace, store: Store) -> Any:
    """Read whom something is for.

    Raises
    ------
    SpecError
        If there is no such list, label or campaign, or nobody has been scored.
    """
    from retention.audiences.spec import SuppressedUsersSpec

    users = _named_users(args, store)
    left = {
        "contacted_days": args.not_contacted_days,
        "is_reachable_only": args.reachable,
        "is_out_of_campaigns": args.out_of_campaigns,
    }
    return SuppressedUsersSpec(users=users, **left) if any(left.values()) else users


def _named_users(args: argparse.Namespace, store: Store) -> Any:
    from retention.audiences.answer_lists import list_named
    from retention.audiences.spec import SavedUsersSpec
    from retention.churn.answer_scores import latest_scoring
    from retention.churn.spec_list import AtRiskSpec
    from retention.segments.spec_saved import PREFIX, SegmentUsersSpec
    from retention.segments.spec_tags import HELD, TagUsersSpec

    if args.audience is not None:
        return SavedUsersSpec(audience_id=list_named(store, args.audience).audience_id)
    if args.label is not None:
        label, _, value = args.label.partition("=")
        label, value = label.strip(), value.strip() or HELD
        return SegmentUsersSpec(label, value) if label.startswith(PREFIX) else TagUsersSpec(label, value)
    if args.campaign is not None:
        return _group(_named(store, args.campaign), args.group)
    scoring = latest_scoring(store)
    if scoring is None:
        raise SpecError("Nobody has been scored yet.", hint="Run `churn train`.")
    return AtRiskSpec(scoring_key=scoring.scoring_key, n=args.riskiest)


# The catalogue ----------------------------------------------------------------------------------------


def _list_interventions(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.interventions.answer_catalogue import catalogue, own_interventions, past_effects
    from retention.interventions.catalogue import KINDS, fitting
    from retention.interventions.words_catalogue import cost_words, effect_words, measured_words

    with open_store(args) as store:
        found, past = catalogue(store), past_effects(store)
        own = {one.name for one in own_interventions(store)}
        result = about(store.catalogue())
    told, lines = [], []
    for one in found.values():
        measured = fitting(past, one)
        kind = KINDS.get(one.kind)
        told.append({
            **_intervention_told(one),
            "is_own": one.name in own,
            "meaning": kind.meaning if kind else None,
            "effect_from": None if one.effect.is_measured else (kind.why if kind and one.name not in own else "Your own assumption."),
            "measured": [
                {"campaign": m.campaign, "arm": m.arm, "window_days": m.window_days, "effect": m.effect, "low": m.low,
                 "high": m.high, "as_of": iso(m.as_of_us)} for m in measured
            ],
        })  # fmt: skip
        lines.append(f"{one.name}{' (yours)' if one.name in own else ''}, {one.channel}: {cost_words(one)} {effect_words(one)}")
        lines += [f"    {measured_words(m)}" for m in measured]
    definition = "Assumed effects are assumptions of ours or yours; nobody knows them for your shop without a test."
    return {**result, "definition": definition, "interventions": told}, "\n".join([*lines, definition])


def _intervention_told(one: Intervention) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(one), "effect": {**asdict(one.effect), "is_measured": one.effect.is_measured}}


def _save(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from dataclasses import replace

    from retention.interventions.answer_catalogue import catalogue, past_effects
    from retention.interventions.catalogue import fitting, named
    from retention.interventions.order_catalogue import save_interventions
    from retention.interventions.spec import Effect

    if args.effect and args.measured:
        raise SpecError("An effect is either assumed or measured.", hint="Give --effect or --measured.")
    with open_store(args) as store:
        base = named(catalogue(store), args.like or args.name)
        cost = {"contact": args.contact_cost, "incentive": args.incentive, "redemption": args.redemption}
        effect = base.effect
        if args.effect or args.unit:
            low, high = range_of(args.effect) if args.effect else (effect.low, effect.high)
            effect = Effect(low=low, high=high, unit=args.unit or effect.unit)
        if args.measured:
            past = {one.campaign: one for one in reversed(fitting(past_effects(store), base))}
            if args.measured not in past:
                raise SpecError(
                    f'No campaign "{args.measured}" has measured “{base.name}”.',
                    hint=nearest(args.measured, past) if past else "Read a campaign on the Experiments page, and keep what it found.",
                )
            effect = past[args.measured].as_effect
        more = {name: getattr(args, name) for name in ("channel", "cap_days", "hour", "per_week", "offer")}
        one = replace(
            base,
            name=args.name.strip(),
            cost=replace(base.cost, **{name: value for name, value in cost.items() if value is not None}),
            effect=effect,
            **{name: value for name, value in more.items() if value is not None},
        )
        save_interventions(store, (one,))
        result = {**about(store.catalogue()), "saved": _intervention_told(one)}
    return result, f"“{one.name}” is saved as yours."


def range_of(text: str) -> tuple[float, float]:
    """Read the range of an effect: 0.05,0.15."""
    parts = names(text)
    try:
        low, high = (float(part) for part in parts)
    except ValueError:
        raise SpecError(f"`--effect` must be two numbers such as 0.05,0.15, not {text!r}.") from None
    return low, high


def _delete(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.interventions.order_catalogue import delete_intervention

    with open_store(args) as store:
        delete_intervention(store, args.name)
        result = {**about(store.catalogue()), "deleted": args.name}
    return result, f"“{args.name}” is deleted."


def _messages(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.interventions.answer_catalogue import catalogue
    from retention.interventions.answer_messages import messages
    from retention.interventions.catalogue import named
    from retention.interventions.messages import usual_template
    from retention.interventions.spec_message import MessageSpec

    with open_store(args) as store:
        intervention = named(catalogue(store), args.like)
        template, fallback = usual_template(intervention.kind, args.language)
        if args.template is not None:
            template, fallback = args.template, ""
        spec = MessageSpec(
            users=users_asked(args, store), template=template, fallback=fallback if args.fallback is None else args.fallback,
            offer=intervention.offer if args.offer is None else args.offer, segmentation=args.segmentation, n_shown=args.n,
        )  # fmt: skip
        found = messages(store, spec)
        result = about(store.catalogue())
    shown = [
        {"pseudonym": row.pseudonym, "kind": row.kind, "text": row.text, "missing": [name for name in row.missing.split(", ") if name]}
        for row in found.shown.itertuples(index=False)
    ]
    result |= {
        "definition": "What users would read; nothing is sent.",
        "template": spec.template,
        "fallback": spec.fallback,
        "n_users": found.n_users,
        "n_fallback": found.n_fallback,
        "n_unwritten": found.n_unwritten,
        "n_missing": dict(found.n_missing),
        "messages": shown,
    }
    lines = [f"{row['pseudonym'][:12]}  {row['text'] or 'no message: ' + ', '.join(row['missing']) + ' not known'}" for row in shown]
    n_whole = found.n_users - found.n_fallback - found.n_unwritten
    lines.append(
        f"Of {found.n_users:,} users, {n_whole:,} would read the message, {found.n_fallback:,} what is written instead, and"
        f" {found.n_unwritten:,} would get nothing. Nothing is sent."
    )
    return result, "\n".join(lines)


# Campaigns --------------------------------------------------------------------------------------------


def _assign(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.answer import users_of
    from retention.interventions.answer_campaigns import groups_of
    from retention.interventions.answer_catalogue import catalogue
    from retention.interventions.catalogue import capped
    from retention.interventions.order_assign import assign
    from retention.interventions.spec import CampaignSpec

    with open_store(args) as store:
        arms = _arms(args.arm, catalogue(store))
        spec = CampaignSpec(
            name=args.name, users=capped(users_asked(args, store), (arm.intervention for arm in arms)), arms=arms, holdout=args.holdout,
            window_days=args.window, exposed_on=args.on, budget=args.budget, margin=args.margin, value=args.value,
        )  # fmt: skip
        if args.smallest is not None:
            spec = replace(spec, plan=_planned(args, len(arms), users_of(store, spec.users).count))
        made = assign(store, spec)
        told = _told(made, groups_of(store, made), store)
        result = {**about(store.catalogue()), **told}
    return result, f"{_text(told)}\nNothing was sent: export the file with `campaigns export`, and send it with your own tool."


def _planned(args: argparse.Namespace, n_arms: int, n_users: int) -> dict[str, Any]:
    from retention.experiments.answer_plan import plan
    from retention.experiments.experiment import retained_within
    from retention.experiments.spec import PlanSpec

    if args.baseline is None or not args.holdout:
        raise SpecError("`--smallest` must come with `--baseline` and a holdout.", hint="See `experiment plan` for the share that stays.")
    return plan(
        PlanSpec(
            metric=retained_within(args.window), baseline=args.baseline, effect=args.smallest, holdout=args.holdout,
            n_arms=1 if args.budget is not None else n_arms, n_available=n_users, window_days=args.window,
        )
    ).told()  # fmt: skip


def _arms(asked: list[str], known: dict[str, Intervention]) -> tuple[Arm, ...]:
    from retention.interventions.catalogue import named
    from retention.interventions.spec import Arm

    if not asked:
        raise SpecError("A campaign must have at least one arm.", hint='For example: --arm "Discount coupon".')
    arms = []
    for text in asked:
        name, equals, rest = text.partition("=")
        said, colon, share = (rest if equals else text).rpartition(":")
        if not colon or not _is_number(share):
            said, share = (rest if equals else text), "1"
        intervention = named(known, said)
        arms.append(Arm(name=name.strip() if equals else intervention.name, intervention=intervention, share=float(share)))
    return tuple(arms)


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False


def _told(campaign: Campaign, groups: Any, store: Store) -> dict[str, Any]:
    from retention.interventions.words_catalogue import complete_us

    sizes = {int(row.arm_key): int(row.n) for row in groups.itertuples(index=False)}
    clock = store.catalogue().require_clock()
    return {
        "campaign": campaign.name,
        "campaign_id": campaign.campaign_id,
        "definition": campaign.definition,
        "is_running": campaign.is_running,
        "planned": dict(campaign.plan),
        "n_users": campaign.n_users,
        "groups": [
            {"arm_key": key, "group": name, "n": sizes.get(key, 0), "expected_share": share}
            for key, (name, share) in enumerate(zip(campaign.groups, campaign.expected_shares, strict=True))
        ],
        "holdout": campaign.holdout,
        "window_days": campaign.window_days,
        "exposed_at": iso(campaign.exposed_us),
        "complete_at": iso(complete_us(campaign)),
        "is_complete": complete_us(campaign) <= clock.as_of_us,
        "hash_key": campaign.hash_key,
        "assigned_as_of": iso(campaign.as_of_us),
        "scoring": campaign.scoring_key,
    }


def _text(told: dict[str, Any]) -> str:
    groups = ", ".join(f"{g['group']} {g['n']:,}" for g in told["groups"])
    state = "running" if told["is_running"] else "ended"
    when = f"outcomes count from {told['exposed_at']}; complete {'since' if told['is_complete'] else 'at'} {told['complete_at']}"
    return f"“{told['campaign']}” ({state}): {told['n_users']:,} users: {groups}. {when[0].upper()}{when[1:]}.\n{told['definition']}"


def _list_campaigns(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.interventions.answer_campaigns import campaigns, groups_of

    with open_store(args) as store:
        told = [_told(one, groups_of(store, one), store) for one in campaigns(store)]
        result = {**about(store.catalogue()), "campaigns": told}
    return result, "\n".join(map(_text, told)) or "No campaign has been assigned: `assign`."


def _named(store: Store, name: str) -> Campaign:
    from retention.interventions.answer_campaigns import campaign_named

    with store.snapshot() as snapshot:
        return campaign_named(snapshot, name)


def _group(campaign: Campaign, name: str | None) -> CampaignUsersSpec:
    """Name the users of a campaign, or of one of its groups."""
    from retention.audiences.spec import CampaignUsersSpec

    if name is None:
        return CampaignUsersSpec(campaign_id=campaign.campaign_id)
    if name not in campaign.groups:
        raise SpecError(f'“{campaign.name}” has no group "{name}".', hint=nearest(name, campaign.groups))
    return CampaignUsersSpec(campaign_id=campaign.campaign_id, arm_key=campaign.groups.index(name))


def _show(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.interventions.answer_campaigns import groups_of

    with open_store(args) as store:
        one = _named(store, args.name)
        told = _told(one, groups_of(store, one), store)
        arms = [{"name": arm.name, "share": arm.share, "intervention": _intervention_told(arm.intervention)} for arm in one.arms]
        result = {**about(store.catalogue()), **told, "arms": arms}
    return result, _text(told)


def _end(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.interventions.order_assign import end_campaign

    with open_store(args) as store:
        one = _named(store, args.name)
        end_campaign(store, one.campaign_id)
        result = {**about(store.catalogue()), "ended": one.name}
    return result, f"“{one.name}” has ended; its users may be in other campaigns again, and it can still be read."


def _export(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.order_export import export_file

    with open_store(args) as store:
        one = _named(store, args.name)
        written = export_file(store, _group(one, args.arm), args.out, "file ids" if args.file_ids else "pseudonym")
        result = {**about(store.catalogue()), "campaign": one.name, "arm": args.arm, "n_users": written.n_rows, "file": str(args.out)}
    return result, f"{written.n_rows:,} users of “{one.name}” in {args.out}"
