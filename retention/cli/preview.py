"""Interventions in money without a browser: what one may bring, and who gets which of several for a budget."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import Add, about, open_store, rows
from retention.cli.campaigns import add_users, range_of, users_asked
from retention.errors import SpecError

if TYPE_CHECKING:
    from retention.interventions.preview import Preview
    from retention.interventions.spec import Intervention
    from retention.interventions.spec_preview import Terms
    from retention.store import Store

FIGURES = ("effect", "stay", "extra", "cost", "wasted", "value_kept", "net")


def register(add: Add) -> None:
    """Add the commands."""
    preview = add("preview", _preview, "what an intervention may bring some users and costs, before anything is sent")
    add_users(preview)
    preview.add_argument("--do", required=True, metavar="INTERVENTION", help="one of the catalogue, or of your own")
    preview.add_argument("--contact-cost", type=float, metavar="MONEY", help="for each user who is contacted")
    preview.add_argument("--incentive", type=float, metavar="MONEY", help="given to a user who takes the offer up")
    preview.add_argument("--redemption", type=float, metavar="SHARE", help="of the users who stay, who takes it up")
    preview.add_argument("--effect", metavar="LOW,HIGH", help="the assumed 95 %% range: 0.05,0.15 = of 100, 5 to 15 stay")
    preview.add_argument("--unit", choices=("save rate", "points"), help="of would-be lapsers, or of all who are contacted")
    _add_terms(preview)
    optimise = add("optimise", _optimise, "who gets which intervention for a budget, and where more stops paying")
    add_users(optimise)
    optimise.add_argument("--arm", action="append", default=[], metavar="INTERVENTION", help="once for each there is")
    optimise.add_argument("--budget", type=float, required=True, metavar="MONEY", help="to be spent by expected cost")
    _add_terms(optimise)


def _add_terms(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--holdout", type=float, default=0.1, metavar="SHARE", help="who gets nothing, by lot (default: 0.1)")
    parser.add_argument("--window", type=int, default=28, metavar="DAYS", help="to count as staying (default: 28)")
    parser.add_argument("--margin", type=float, default=1.0, metavar="SHARE", help="of revenue, what is gain (default: 1)")
    parser.add_argument("--value", type=float, metavar="MONEY", help="of a user who stays (default: each user's own)")


def _terms(args: argparse.Namespace) -> Terms:
    from retention.interventions.spec_preview import Terms

    return Terms(holdout=args.holdout, window_days=args.window, margin=args.margin, value=args.value)


def _terms_told(terms: Terms) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(terms)


# One intervention -------------------------------------------------------------------------------------


def _preview(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.interventions.answer_catalogue import catalogue, past_effects
    from retention.interventions.answer_preview import money_of, people, previewed
    from retention.interventions.catalogue import named
    from retention.interventions.effects import measured_for
    from retention.interventions.words_preview import RISK_IS_NOT_ENOUGH, cautions, detection_words, preview_sentences

    terms = _terms(args)
    with open_store(args) as store:
        one, past = _tuned(named(catalogue(store), args.do), args), past_effects(store)
        users, left_out = _capped(args, store, [one])
        whom = people(store, users)
        found = previewed(whom, one, terms, past=past)
        said = [*preview_sentences(found), detection_words(found)]
        notes = [RISK_IS_NOT_ENOUGH, *cautions(found, measured_for(one.effect, past))] if whom.n_users else []
        result = {
            **about(store.catalogue()),
            **_told(found),
            "terms": _terms_told(terms),
            "left_out": left_out,
            "sentences": [text for text in said if text],
            "cautions": notes,
            "curve": rows(money_of(whom, one, terms, past=past).curve()) if found.is_money_known else [],
        }
    return result, "\n".join([*left_out, *result["sentences"], *notes])


def _capped(args: argparse.Namespace, store: Store, interventions: list[Intervention]) -> tuple[Any, list[str]]:
    """Return whom the options name, less whom the contact caps forbid, with a sentence on who is left out."""
    from retention.audiences.answer_suppression import suppression
    from retention.audiences.spec import SuppressedUsersSpec
    from retention.interventions.catalogue import capped

    users = capped(users_asked(args, store), interventions)
    return users, [suppression(store, users).words] if isinstance(users, SuppressedUsersSpec) else []


def _tuned(base: Intervention, args: argparse.Namespace) -> Intervention:
    from dataclasses import replace

    from retention.interventions.spec import Effect

    cost = {"contact": args.contact_cost, "incentive": args.incentive, "redemption": args.redemption}
    effect = base.effect
    if args.effect or args.unit:
        low, high = range_of(args.effect) if args.effect else (effect.low, effect.high)
        effect = Effect(low=low, high=high, unit=args.unit or effect.unit)
    return replace(
        base, effect=effect, cost=replace(base.cost, **{name: value for name, value in cost.items() if value is not None})
    )


def _told(found: Preview) -> dict[str, Any]:
    from dataclasses import asdict

    from retention.cli.churn_table import figure, known

    return {
        "definition": "What an intervention may bring, as far as scores and its effect tell.",
        "intervention": asdict(found.intervention),
        "scoring": found.people.scoring_key,
        "n_members": found.people.n_members,
        "n_unscored": found.people.n_unscored,
        "n_valued": found.people.n_valued,
        "n_contacted": found.n_contacted,
        "n_held": found.n_held,
        "unit": found.unit,
        **{name: figure(getattr(found, name)) for name in FIGURES},
        "gain_probability": known(found.gain_probability),
        "break_even": known(found.break_even),
        "detection": {name: known(value) for name, value in asdict(found.detection).items()},
    }


# Several for a budget ---------------------------------------------------------------------------------


def _optimise(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.interventions.answer_catalogue import catalogue
    from retention.interventions.answer_optimum import laid_out
    from retention.interventions.catalogue import named
    from retention.interventions.optimum import require_budget
    from retention.interventions.spec import Arm
    from retention.interventions.words_preview import RISK_IS_NOT_ENOUGH, budget_sentences

    terms = _terms(args)
    require_budget(args.budget)
    if not args.arm:
        raise SpecError("A budget must be divided over at least one arm.", hint='For example: --arm "Discount coupon".')
    with open_store(args) as store:
        known = catalogue(store)
        arms = tuple(Arm(name=one.name, intervention=one) for one in dict.fromkeys(named(known, name) for name in args.arm))
        users, left_out = _capped(args, store, [arm.intervention for arm in arms])
        found = laid_out(store, users, arms, terms)
        given = found.at(args.budget)
        said = [*budget_sentences(found, given), RISK_IS_NOT_ENOUGH]
        result = {
            **about(store.catalogue()),
            "definition": "Each user gets the arm, or none, that is expected to leave most for the money.",
            "scoring": found.people.scoring_key,
            "n_users": found.people.n_users,
            "n_unscored": found.people.n_unscored,
            "terms": _terms_told(terms),
            "budget": given.budget,
            "arms": [{"arm": arm.name, "n": n} for arm, n in zip(arms, given.n_of_arm, strict=True)],
            "n_worthless": given.n_worthless,
            "n_beyond": given.n_beyond,
            **{name: getattr(given, name) for name in ("cost", "net", "extra", "bound", "gap", "marginal")},
            "stops_paying": found.stops_paying,
            "curve": rows(found.curve()),
            "left_out": left_out,
            "sentences": said,
        }
    return result, "\n".join([*left_out, *said])
