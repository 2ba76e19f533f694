"""Churn scores without a browser: teach and judge, score, the list of users at risk, and the versions of the model."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import Add, about, add_verb, day_of, names, open_store, progress, refresh_lists, rows
from retention.errors import SpecError
from retention.periods import date_of, iso

if TYPE_CHECKING:
    from retention.churn.card import ModelCard
    from retention.churn.scores import Scoring
    from retention.churn.spec import ChurnSpec, LapseSpec
    from retention.store import Store

PRESETS = ("rfm", "engagement", "commerce")
SHOWN_USERS = 20


def register(add: Add) -> None:
    """Add the command with its verbs."""
    from retention.cli.churn_report import register_reports
    from retention.cli.churn_table import register_table

    parser = add("churn", _models, "who is likely to fall silent: teach, judge, score, explain, list")
    verbs = parser.add_subparsers(metavar="VERB")
    verb = partial(add_verb, verbs)

    train = verb("train", _train, "teach a model, judge it on users it has not learned from, put it in service, score (audited)")
    add_question(train)
    train.add_argument("--model", default="boosting", metavar="NAME", help='a model, or "best of" (default: boosting)')
    train.add_argument("--backtests", type=int, default=3, metavar="N", help="held-back cut-offs that it is judged on (default: 3)")
    train.add_argument("--step", type=int, default=30, metavar="DAYS", help="from one cut-off to the next (default: 30)")
    train.add_argument("--tune", type=int, default=0, metavar="SECONDS", help="budget for other settings than the tried-out ones")
    train.add_argument("--no-score", action="store_true", help="do not score everybody with it at once")
    score = verb("score", _score, "score everybody who could lapse by the model in service (audited)")
    score.add_argument("--version", type=int, metavar="N", help="by this version (default: the one in service)")
    score.add_argument("--cutoff", type=day_of, metavar="D", help="look only at what happened before this day")
    listed = verb("list", _list, "the users at risk, the riskiest first, and what contacting them would mean")
    _add_list(listed)
    tiers = verb("tiers", _tiers, "from which probability on a risk is called high and medium (audited)")
    tiers.add_argument("high", type=float, metavar="HIGH")
    tiers.add_argument("medium", type=float, metavar="MEDIUM")
    verb("models", _models, "the versions of the model, the newest first")
    rollback = verb("rollback", _rollback, "put another version in service (audited)")
    rollback.add_argument("version", type=int, metavar="VERSION")
    delete = verb("delete", _delete, "forget a version with all that it said (audited)")
    delete.add_argument("version", type=int, metavar="VERSION")
    register_reports(verb)
    register_table(verb)


def add_question(parser: argparse.ArgumentParser) -> None:
    """Add what a lapse is, and what it is learned from."""
    said = "(default: from the data)"
    parser.add_argument("--horizon", type=int, metavar="DAYS", help=f"H: lapsed is who does nothing for so long {said}")
    parser.add_argument("--gap", type=int, metavar="DAYS", help=f"g: days after the cut-off that it takes to act {said}")
    parser.add_argument("--lookback", type=int, metavar="DAYS", help=f"A: only users active within so many days {said}")
    parser.add_argument("--events", default="", metavar="A,B", help="what keeps a user (default: any activity)")
    parser.add_argument("--where", action="append", default=[], metavar="country=France", help="only users whose first activity has it")
    parser.add_argument("--preset", default="", metavar="A,B", help=f"features by the handful (default: {','.join(PRESETS)})")
    parser.add_argument("--features", default="", metavar="NAME[,NAME]", help="single features, added to the presets")
    parser.add_argument("--cutoff", type=day_of, metavar="D", help="look only at what happened before this day")
    parser.add_argument("--seed", type=int, default=0)


def question(args: argparse.Namespace, store: Store) -> tuple[ChurnSpec, str]:
    """Read what is asked; what was not said is as the data suggest, with the reason."""
    from retention.churn.spec import ChurnSpec
    from retention.features.spec import FeatureSpec

    lapse, why = _lapse(args, store)
    presets, single = names(args.preset), names(args.features)
    asked = {
        "model": getattr(args, "model", None), "n_backtests": getattr(args, "backtests", None),
        "step_days": getattr(args, "step", None), "tune_seconds": getattr(args, "tune", None),
    }  # fmt: skip
    spec = ChurnSpec(
        lapse=lapse,
        features=FeatureSpec(names=single, presets=presets or (() if single else PRESETS)),
        cutoff=args.cutoff,
        seed=args.seed,
        **{name: value for name, value in asked.items() if value is not None},
    )
    return spec, why


def _lapse(args: argparse.Namespace, store: Store) -> tuple[LapseSpec, str]:
    from dataclasses import replace

    from retention.churn.answer_defaults import lapse_defaults
    from retention.cohorts.spec import Condition

    events, where = names(args.events), tuple(Condition.parse(text) for text in args.where)
    known = set(store.catalogue().events)
    if gone := [name for name in events if name not in known]:
        raise SpecError(f"No event is called {gone[0]}.", hint=f"There are {', '.join(sorted(known))}.")
    found = lapse_defaults(store, events, where)
    said = {"horizon_days": args.horizon, "gap_days": args.gap, "lookback_days": args.lookback}
    said = {name: value for name, value in said.items() if value is not None}
    return replace(found.spec, **said), "" if "horizon_days" in said else found.why


# Teach and score ------------------------------------------------------------------------------------


def _train(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.churn.order_registry import train
    from retention.churn.order_scores import score

    with open_store(args) as store:
        spec, why = question(args, store)
        card = train(store, spec, progress=progress("churn"))
        made = None if args.no_score else score(store, card.version, spec.cutoff)
        refreshed = [] if made is None else refresh_lists(store)
        result = {
            **about(store.catalogue()),
            **card_told(card),
            "why_lapse": why,
            "is_serving": True,
            "scoring": None if made is None else _scoring_told(made),
            **({"lists": refreshed} if refreshed else {}),
        }
    lines = [card.sentence, f"Version {card.version} ({card.name}) is in service. {_lapse_words(card)}"]
    lines += [why] * bool(why) + _table_lines(card)
    if made is not None:
        lines.append(f"{made.n_users:,} users are scored as of {made.cutoff}: {made.mean:.1%} of them are expected to lapse.")
    return result, "\n".join([*lines, *refreshed])


def card_told(card: ModelCard) -> dict[str, Any]:
    """Say what the card of a version says, without what only the program needs."""
    import json

    told: dict[str, Any] = json.loads(card.to_json())
    report = {name: part for name, part in told["report"].items() if name != "drift"}
    days = {
        "train_on": [date_of(day).isoformat() for day in card.train_days],
        "calibrate_on": None if card.calibrate_day is None else date_of(card.calibrate_day).isoformat(),
        "held_back_on": date_of(card.held_back_day).isoformat(),
        "cutoff": date_of(card.cutoff_day).isoformat(),
    }
    kept = ("version", "name", "spec", "features", "n_rows", "base_rate", "seconds", "libraries", "sha256")
    return {
        "definition": _lapse_words(card),
        **{name: told[name] for name in kept},
        **days,
        "made_at": iso(card.made_us),
        "made_as_of": iso(card.as_of_us),
        "verdict": card.word,
        "sentence": card.sentence,
        "report": report,
    }


def _lapse_words(card: ModelCard) -> str:
    from retention.churn.words_report import lapse_sentence

    return lapse_sentence(card.spec.lapse)


def _table_lines(card: ModelCard) -> list[str]:
    lines = [f"{'model':<14} {'ROC AUC':>8} {'(95 %)':>15} {'mean':>7} {'log-loss':>9} {'CPU s':>7}"]
    for row in card.report["table"]:
        mark = " ← chosen" if row["is_chosen"] else ""
        bounds = "" if row["auc_low"] is None else f"{row['auc_low']:.3f} to {row['auc_high']:.3f}"
        value, mean, loss = (_or_nothing(row[name]) for name in ("auc", "auc_mean", "log_loss"))
        lines.append(f"{row['model']:<14} {value:>8} {bounds:>15} {mean:>7} {loss:>9} {row['seconds']:>7.2f}{mark}")
    lines += [f"{name}: {why}" for name, why in card.report.get("skipped", {}).items()]
    if card.report.get("season"):
        lines.append(str(card.report["season"]))
    return lines


def _or_nothing(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _score(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.churn.answer_list import at_risk_users
    from retention.churn.order_scores import score
    from retention.churn.spec_list import AtRiskSpec

    with open_store(args) as store:
        made = score(store, args.version, args.cutoff, progress=progress("churn"))
        n_high = at_risk_users(store, AtRiskSpec(scoring_key=made.scoring_key, threshold=made.high, columns=())).count
        refreshed = refresh_lists(store)
        result = {**about(store.catalogue()), **_scoring_told(made), "n_high": n_high, **({"lists": refreshed} if refreshed else {})}
    text = (
        f"{made.n_users:,} users scored as of {made.cutoff} by version {made.version}: {made.mean:.1%} of them are expected to"
        f" lapse, {n_high:,} are at high risk (from {made.high:.0%} on). {made.season}"
    )
    return result, "\n".join([text, *refreshed])


def _scoring_told(made: Scoring) -> dict[str, Any]:
    return {
        "definition": "The probability that a user lapses; it does not say whom a contact would keep.",
        "scoring": made.scoring_key,
        "version": made.version,
        "cutoff": made.cutoff.isoformat(),
        "n_users": made.n_users,
        "expected_rate": made.mean,
        "high": made.high,
        "medium": made.medium,
        "season": made.season,
        "scored_at": iso(made.made_us),
        "is_current": made.is_current,
    }


def _tiers(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.churn.order_scores import set_tiers

    with open_store(args) as store:
        set_tiers(store, args.high, args.medium)
        result = {**about(store.catalogue()), "high": args.high, "medium": args.medium}
    return result, f"High risk from {args.high:.0%} on, medium from {args.medium:.0%} on."


# The users at risk ----------------------------------------------------------------------------------


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--top", "--n", dest="n", type=int, metavar="N", help="at most so many")
    parser.add_argument("--threshold", type=float, metavar="P", help="from this probability on (default: high risk)")
    parser.add_argument("--where", action="append", default=[], metavar="Shoppers v1=Loyal", help="a property, a segment or a tag")
    parser.add_argument("--min-value", type=float, metavar="MONEY", help="who brought at least so much per horizon")
    parser.add_argument("--reachable", action="store_true", help="only users who may be written to, as far as the store knows")
    parser.add_argument("--not-contacted-days", type=int, default=0, metavar="N", help="only users whom no campaign wrote to since")
    parser.add_argument("--columns", default="", metavar="A,B", help="what is shown of each user, labels among it")
    parser.add_argument("--contact-cost", type=float, metavar="MONEY", help="of reaching one user (default: 1)")
    parser.add_argument("--incentive", type=float, metavar="MONEY", help="given to whoever stays (default: 10)")
    parser.add_argument("--save-rate", type=float, metavar="SHARE", help="assumed share of would-be lapsers who stay by it (default: 0.3)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="as a file (audited): CSV, Parquet, XLSX or JSONL")
    parser.add_argument("--file-ids", action="store_true", help="the ids of your file instead of pseudonyms")


def _list(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.export import format_of
    from retention.audiences.order_export import export_file
    from retention.churn.answer_list import at_risk_reach, at_risk_users
    from retention.churn.answer_scores import latest_scoring
    from retention.churn.money import Offer
    from retention.churn.spec_list import USUAL_COLUMNS, AtRiskSpec
    from retention.cli.churn_table import figure
    from retention.cohorts.spec import Condition

    if args.out is not None:
        format_of(args.out)  # before anything is reckoned
    costs = {"contact_cost": args.contact_cost, "incentive": args.incentive, "save_rate": args.save_rate}
    offer = Offer(**{name: value for name, value in costs.items() if value is not None})
    with open_store(args) as store:
        scoring = latest_scoring(store)
        if scoring is None:
            raise SpecError("Nobody has been scored yet.", hint="Run `churn train`.")
        is_open = args.n is None and args.threshold is None
        spec = AtRiskSpec(
            scoring_key=scoring.scoring_key,
            n=args.n,
            threshold=scoring.high if is_open else args.threshold,
            where=tuple(Condition.parse(text) for text in args.where),
            min_value=args.min_value,
            is_reachable_only=args.reachable,
            not_contacted_days=args.not_contacted_days,
            columns=names(args.columns) or USUAL_COLUMNS,
        )
        found = at_risk_users(store, spec)
        point = at_risk_reach(store, spec).at(found.count, offer)
        if args.out is not None:
            export_file(store, spec, args.out, "file ids" if args.file_ids else "pseudonym")
        result = {
            **about(store.catalogue()),
            **_scoring_told(scoring),
            "threshold": None if spec.threshold is None else spec.threshold,
            "n": found.count,
            "n_candidates": found.n_candidates,
            "offer": {"contact_cost": offer.contact_cost, "incentive": offer.incentive, "save_rate": offer.save_rate},
            "means": {name: figure(getattr(point, name)) for name in POINTS},
            "users": rows(found.shown),
            "file": str(args.out) if args.out else None,
        }
    return result, _list_text(result, found, args)


POINTS = ("caught", "bothered", "precision", "recall", "at_risk", "cost", "brings", "net", "seen_precision", "seen_recall")


def _list_text(result: dict[str, Any], found: Any, args: argparse.Namespace) -> str:
    means = result["means"]
    stale = "" if result["is_current"] else " The data have moved on since: score again."

    def said(name: str, digits: int = 0) -> str:
        figure = means[name]
        if figure["value"] is None:
            return "not known"
        bounds = "" if figure["low"] is None else f" ({figure['low']:,.{digits}f} to {figure['high']:,.{digits}f})"
        return f"{figure['value']:,.{digits}f}{bounds}"

    lines = [
        f"{result['n']:,} of {result['n_candidates']:,} users, scored as of {result['cutoff']} by version {result['version']}.{stale}",
        f"Expected among them: {said('caught')} who would lapse, {said('bothered')} who would stay anyway.",
    ]
    if any(value is not None for value in (args.contact_cost, args.incentive, args.save_rate)):
        lines.append(f"Cost {said('cost', 2)}, brings {said('brings', 2)} if the assumed save rate holds; net {said('net', 2)}.")
    lines.append("Risk says who is likely to fall silent, not whom a contact would keep.")
    if len(found.shown):
        lines.append(found.shown.head(SHOWN_USERS).to_string(index=False, na_rep="", float_format=lambda v: f"{v:,.3f}"))
    if result["n"] > SHOWN_USERS:
        lines.append(f"The first {min(SHOWN_USERS, len(found.shown))} of {result['n']:,}; all of them with --out.")
    if result["file"]:
        lines.append(f"{result['n']:,} users in {result['file']}")
    return "\n".join(lines)


# Versions -------------------------------------------------------------------------------------------


def _models(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.churn.answer_registry import models, serving

    with open_store(args) as store:
        found, one = models(store), serving(store)
        serving_version = one.version if one else None
        result = {
            **about(store.catalogue()),
            "serving": serving_version,
            "models": [{**card_told(card), "is_serving": card.version == serving_version} for card in found],
        }
    lines = []
    for card in found:
        mark = "in service" if card.version == serving_version else ""
        lines.append(f"version {card.version:<4} {card.name:<12} {iso(card.made_us)[:16]}  {card.n_rows:>9,} rows  {mark}".rstrip())
        lines.append(f"    {card.sentence}")
    return result, "\n".join(lines) or "There is no model yet: churn train."


def _rollback(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.churn.order_registry import put_in_service

    with open_store(args) as store:
        card = put_in_service(store, args.version)
        result = {**about(store.catalogue()), "serving": card.version, "name": card.name}
    return result, f"Version {card.version} ({card.name}) is in service; score again to use it."


def _delete(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.churn.answer_registry import serving
    from retention.churn.order_registry import delete_model

    with open_store(args) as store:
        delete_model(store, args.version)
        left = serving(store)
        result = {**about(store.catalogue()), "deleted": args.version, "serving": left.version if left else None}
    now = f"version {left.version} is in service" if left else "there is no model any more"
    return result, f"Version {args.version} is deleted; {now}."
