"""Experiments without a browser: how large one must be, what it changed, and what was learned."""

from __future__ import annotations

import argparse
import hashlib
from functools import partial
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import Add, about, add_verb, names, open_store, rows
from retention.errors import FileError, SpecError
from retention.periods import iso

if TYPE_CHECKING:
    from retention.experiments.archive import Baseline, Learned
    from retention.experiments.experiment import CampaignSeen, Experiment
    from retention.experiments.plan import Plan
    from retention.experiments.readout import Readout
    from retention.experiments.spec import ReadSpec
    from retention.experiments.spec_store import ExperimentSpec


def register(add: Add) -> None:
    """Add the command with its verbs."""
    parser = add("experiment", _list, "plan an experiment, read what it changed, keep what was learned")
    verbs = parser.add_subparsers(metavar="VERB")
    verb = partial(add_verb, verbs)

    plan = verb("plan", _plan, "how many users it takes, and how many days")
    plan.add_argument(
        "--metric", default="", metavar="NAME", help="what is compared (default: retained within the window)"
    )
    plan.add_argument(
        "--baseline", type=float, metavar="SHARE", help="its value without the action (default: from the store)"
    )
    plan.add_argument("--audience", type=int, metavar="ID", help="take the baseline from the users of this saved list")
    plan.add_argument(
        "--effect", type=float, required=True, metavar="D", help="smallest difference worth having: 0.02 = 2 points"
    )
    plan.add_argument(
        "--kind", choices=("rate", "mean"), default="rate", help="a share, or a mean such as revenue (default: rate)"
    )
    plan.add_argument("--spread", type=float, metavar="SD", help="standard deviation of a mean from user to user")
    plan.add_argument(
        "--power", type=float, default=0.8, metavar="SHARE", help="how likely it is to be found (default: 0.8)"
    )
    plan.add_argument(
        "--alpha", type=float, default=0.05, metavar="SHARE", help="how likely nothing is 'found' (default: 0.05)"
    )
    plan.add_argument(
        "--holdout", type=float, default=0.5, metavar="SHARE", help="share that is left alone (default: 0.5)"
    )
    plan.add_argument("--arms", type=int, default=1, metavar="N", help="groups beside the holdout (default: 1)")
    plan.add_argument("--available", type=int, metavar="N", help="users there are (default: those of the baseline)")
    plan.add_argument("--per-day", type=float, metavar="N", help="users who come in on a day")
    plan.add_argument("--window", type=int, default=28, metavar="DAYS", help="until an outcome is known (default: 28)")

    read = verb("read", _read, "what a campaign changed; or a file of units, without a store")
    read.add_argument("name", nargs="?", metavar="NAME", help="of the campaign; not with --file")
    read.add_argument("--file", type=Path, metavar="F", help="one row a unit: CSV, CSV.gz or Parquet")
    read.add_argument(
        "--map", action="append", default=[], metavar="unit=COL,arm=COL,outcome=COL",
        help="what the columns of the file mean; again, or with commas: unit, arm, outcome (each), value, before, exposure,"
        " time, by, cost",
    )  # fmt: skip
    read.add_argument(
        "--agree", action="append", default=[], metavar="COL:ARM=VALUE,…", help="leave rows out where they do not"
    )
    read.add_argument("--control", metavar="ARM", help="the group that was left alone")
    read.add_argument(
        "--expected", default="", metavar="50:50", help="shares that were meant, the control first, or ARM=SHARE,…"
    )
    _add_reading(read)

    verb("list", _list, "the campaigns that can be read, and what was learned")
    learn = verb("learn", _learn, "keep what a campaign was found to do (audited)")
    learn.add_argument("name", metavar="NAME", help="of the campaign")
    learn.add_argument("--learned", required=True, metavar="TEXT", help="in your own words")
    learn.add_argument("--control", metavar="ARM", help="the group that was left alone")
    learn.add_argument("--expected", default="", metavar="50:50", help="shares that were meant, the control first")
    _add_reading(learn)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sequential", action="store_true", help="intervals that hold at every look (default: one look)"
    )
    parser.add_argument("--alpha", type=float, default=0.05, metavar="SHARE", help="one less the level (default: 0.05)")
    parser.add_argument(
        "--winsor", type=float, default=0.99, metavar="SHARE", help="amounts above this quantile are cut beside it"
    )
    parser.add_argument(
        "--tuned-for", type=int, metavar="N",
        help="size at which sequential intervals are narrowest (default: as the campaign was planned, or 5,000)",
    )
    parser.add_argument("--by", default="", metavar="A,B", help="break the effect down by a property or a label")
    parser.add_argument(
        "--window", type=int, metavar="DAYS", help="within which outcomes count (default: the campaign's, or 28)"
    )
    parser.add_argument(
        "--events", default="", metavar="A,B", help="what counts as coming back (default: any activity)"
    )
    parser.add_argument("--contact-cost", type=float, metavar="MONEY", help="of each contact")
    parser.add_argument("--incentive", type=float, metavar="MONEY", help="for each contacted user who stayed")


def _reading(args: argparse.Namespace) -> ReadSpec:
    from retention.experiments.spec import ReadSpec

    return ReadSpec(
        method="sequential" if args.sequential else "fixed horizon",
        alpha=args.alpha,
        winsor=args.winsor,
        by=names(args.by),
        tuned_for=args.tuned_for,
    )


# Plan -----------------------------------------------------------------------------------------------


def _plan(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.experiments.answer_plan import plan
    from retention.experiments.spec import PlanSpec
    from retention.experiments.words_plan import plan_words

    known: dict[str, Any] = {}
    level, spread, available, said = args.baseline, args.spread, args.available, []
    if level is None:
        known, found = _baseline(args)
        level = found.rate if args.kind == "rate" else found.revenue
        spread = spread if spread is not None or isnan(found.spread) else found.spread
        available = found.n_users if available is None else available
        whose = found.definition or "everybody who was active before"
        said.append(
            f"Baseline: {found.n_retained:,} of {found.n_users:,} users came back within {args.window} days of"
            f" {found.first_on:%-d %B %Y}, {found.rate:.2%} ({whose})."
        )
    metric = args.metric or (
        f"retained within {args.window} days" if args.kind == "rate" else f"net revenue within {args.window} days"
    )
    spec = PlanSpec(
        metric=metric, baseline=level, effect=args.effect, kind=args.kind, spread=spread, power=args.power, alpha=args.alpha,
        holdout=args.holdout, n_arms=args.arms, n_available=available, units_per_day=args.per_day, window_days=args.window,
    )  # fmt: skip
    made = plan(spec)
    return {**known, **plan_told(made)}, "\n".join([*said, *plan_words(made)])


def _baseline(args: argparse.Namespace) -> tuple[dict[str, Any], Baseline]:
    from retention.audiences.spec import SavedUsersSpec
    from retention.experiments.answer import baseline
    from retention.experiments.spec_store import BaselineSpec

    users = None if args.audience is None else SavedUsersSpec(audience_id=args.audience)
    with open_store(args) as store:
        found = baseline(store, BaselineSpec(users=users, window_days=args.window))
        return about(store.catalogue()), found


def plan_told(made: Plan) -> dict[str, Any]:
    """Say what a plan says, as JSON has it."""
    from retention.experiments.words_plan import plan_words

    spec = made.spec
    told = {name: getattr(spec, name) for name in spec.__slots__}
    figures = ("n_control", "n_arm", "n_total", "n_sequential", "detectable", "power_available", "collect_days", "days")
    return {
        "plan": told,
        **{name: _known(getattr(made, name)) for name in figures},
        "is_enough": made.is_enough,
        "sentences": plan_words(made),
    }


def _known(value: float) -> float | None:
    return None if isnan(value) else value


# Read -----------------------------------------------------------------------------------------------


def _read(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    if args.file is not None:
        if args.name:
            raise SpecError("Either the name of a campaign or a file must be given, not both.", hint="Leave one out.")
        return _read_file(args)
    if not args.name:
        raise SpecError(
            "The name of a campaign must be given, or a file of units.", hint="experiment list names the campaigns."
        )
    from retention.experiments.answer import experiment

    with open_store(args) as store:
        found = experiment(store, _asked(args))
        result = {**about(store.catalogue()), **experiment_told(found)}
    return result, _experiment_text(found)


def _read_file(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.experiments.answer_file import experiment_file
    from retention.experiments.spec import UnitFileSpec

    try:
        content = args.file.read_bytes()
    except OSError as error:
        raise FileError(f"{args.file} cannot be read: {error.strerror}.", hint="Check the path.") from None
    pairs = tuple(pair.strip() for given in args.map for pair in given.split(",") if pair.strip())
    spec = UnitFileSpec.of_map(
        (*pairs, *(f"by={column}" for column in names(args.by))),
        control=args.control,
        expected=_shares(args.expected),
        agree=tuple(rule for given in args.agree for rule in _rules(given)),
    )
    found = experiment_file(content, spec, _reading(args))
    result = {"file": args.file.name, "sha256": hashlib.sha256(content).hexdigest(), **readout_told(found)}
    return result, "\n".join(readout_lines(found))


def _shares(text: str) -> tuple[tuple[str, float], ...]:
    """Read the shares that were meant.

    Examples
    --------
    >>> _shares("50:50"), _shares("old=90,new=10")
    ((('', 50.0), ('', 50.0)), (('old', 90.0), ('new', 10.0)))
    """
    parts = names(text) if "=" in text else tuple(f"={part}" for part in text.split(":") if part.strip())
    found = []
    for part in parts:
        name, _, value = part.rpartition("=")
        try:
            found.append((name.strip(), float(value)))
        except ValueError:
            raise SpecError(f"`--expected` must look like 50:50 or old=90,new=10, not {text!r}.") from None
    return tuple(found)


def _rules(text: str) -> list[tuple[str, str, str]]:
    """Read which value a column must have in each arm.

    Examples
    --------
    >>> _rules("landing_page:control=old_page,treatment=new_page")
    [('landing_page', 'control', 'old_page'), ('landing_page', 'treatment', 'new_page')]
    """
    column, _, rest = text.partition(":")
    pairs = [part.partition("=") for part in names(rest)]
    if not column.strip() or not pairs or not all(arm and is_pair and value for arm, is_pair, value in pairs):
        raise SpecError(f"`--agree` must look like column:arm=value,arm=value, not {text!r}.")
    return [(column.strip(), arm.strip(), value.strip()) for arm, _, value in pairs]


def _asked(args: argparse.Namespace) -> ExperimentSpec:
    from retention.experiments.spec_store import ExperimentSpec

    if "=" in args.expected:
        raise SpecError("`--expected` of a campaign must look like 50:50, the control first.")
    return ExperimentSpec(
        campaign=args.name,
        window_days=args.window,
        events=names(args.events),
        control=args.control or "",
        expected=tuple(value for _, value in _shares(args.expected)),
        contact_cost=args.contact_cost,
        incentive=args.incentive,
        read=_reading(args),
    )


def readout_told(found: Readout) -> dict[str, Any]:
    """Say what a read-out says, as JSON has it: the sizes of the groups first."""
    from retention.experiments.words import cautions, checks, cost_words, headline, ratio_words, stay_words, verdicts

    ratio, stay = found.ratio, found.stay
    return {
        "verdict": headline(found),
        "ratio": {
            "sentence": ratio_words(ratio), "is_mismatch": ratio.is_mismatch, "p": ratio.p, "statistic": ratio.statistic,
            "is_assumed": ratio.is_assumed, "groups": rows(ratio.table),
        },
        "control": found.control,
        "method": found.spec.method,
        "alpha": found.spec.alpha,
        "tuned_for": found.spec.tuning if found.spec.method == "sequential" else None,
        "n_immature": found.n_immature,
        "sentences": verdicts(found),
        "groups": rows(found.by_group),
        "effects": rows(found.effects),
        "checks": checks(found),
        "breakdowns": rows(found.breakdowns),
        "differs": rows(found.spreads),
        "path": rows(found.path),
        "costs": rows(found.costs),
        "cost_sentences": cost_words(found),
        "survival": None if stay is None else {
            "horizon_days": stay.horizon_days, "groups": rows(stay.groups), "effects": rows(stay.effects),
            "sentences": stay_words(stay),
        },
        "cautions": cautions(found),
    }  # fmt: skip


def readout_lines(found: Readout) -> list[str]:
    """Say what a read-out says, a sentence a line: the sizes of the groups first."""
    from retention.experiments.words import (
        MISMATCH_HINT,
        breakdown_words,
        cautions,
        checks,
        cost_words,
        ratio_words,
        stay_words,
        verdicts,
    )

    lines = [ratio_words(found.ratio)] + [MISMATCH_HINT] * found.ratio.is_mismatch
    lines += (
        verdicts(found) + checks(found) + ([] if found.stay is None else stay_words(found.stay)) + cost_words(found)
    )
    return lines + breakdown_words(found) + cautions(found)


def experiment_told(found: Experiment) -> dict[str, Any]:
    """Say what a campaign was found to do, as JSON has it."""
    return {
        "campaign": found.seen.name,
        "source": found.seen.source,
        "window_days": found.window_days,
        "planned": dict(found.seen.plan),
        "n_units": found.n_units,
        "n_mature": found.n_mature,
        "first_on": found.first_on.isoformat(),
        "last_on": found.last_on.isoformat(),
        "complete_on": found.complete_on.isoformat(),
        "sizes": dict(zip(found.seen.groups, found.sizes, strict=True)),
        "notes": list(found.notes),
        "overlaps": rows(found.overlaps),
        "readout": None if found.readout is None else readout_told(found.readout),
        "by_age": None if found.by_age is None else readout_told(found.by_age),
    }


def _experiment_text(found: Experiment) -> str:
    from retention.experiments.words_plan import planned_words

    waiting = found.n_units - found.n_mature
    lines = [
        f"“{found.seen.name}”: {found.n_units:,} users from {found.first_on:%-d %B %Y} to {found.last_on:%-d %B %Y}; the window of"
        f" {found.window_days} days has passed for {found.n_mature:,}."
    ]
    if planned := planned_words(found.seen.plan, found.n_units):
        lines.append(planned)
    if waiting:
        lines.append(f"{waiting:,} are in progress; complete on {found.complete_on:%-d %B %Y}.")
    if found.readout is None:
        return "\n".join([*lines, *found.notes])
    for row in found.overlaps.itertuples():
        lines.append(
            f"“{row.campaign}” wrote to {row.n:,} of the group {row.group} within the window ({row.share:.1%})."
        )
    return "\n".join([*lines, *readout_lines(found.readout)])


# The archive ----------------------------------------------------------------------------------------


def _list(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.experiments.answer import campaigns_seen, lessons

    with open_store(args) as store:
        seen, learned = campaigns_seen(store), lessons(store)
        result = {
            **about(store.catalogue()),
            "campaigns": [_seen_told(campaign) for campaign in seen],
            "learned": [_learned_told(lesson) for lesson in learned],
        }
    lines = []
    for campaign in seen:
        groups = ", ".join(f"{name} {n:,}" for name, n in zip(campaign.groups, campaign.sizes, strict=True))
        alone = "" if campaign.has_control else "; nobody was left alone: its effect stays unknown"
        lines.append(f"{iso(campaign.first_us)[:10]}  {campaign.name}: {groups}{alone}")
    lines += [f"Learned from “{lesson.campaign}” ({lesson.arm}): {lesson.learned}" for lesson in learned]
    return result, "\n".join(lines) or "There is no campaign yet."


def _seen_told(campaign: CampaignSeen) -> dict[str, Any]:
    return {
        "name": campaign.name,
        "source": campaign.source,
        "groups": dict(zip(campaign.groups, campaign.sizes, strict=True)),
        "has_control": campaign.has_control,
        "first_at": iso(campaign.first_us),
        "last_at": iso(campaign.last_us),
    }


def _learned_told(lesson: Learned) -> dict[str, Any]:
    from retention.experiments.answer import plain_row

    told = plain_row(lesson)
    return {**told, "as_of": iso(lesson.as_of_us), "made_at": iso(lesson.made_us)}


def _learn(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.experiments.order_archive import learn

    with open_store(args) as store:
        kept = learn(store, _asked(args), args.learned)
        result = {**about(store.catalogue()), "learned": [_learned_told(lesson) for lesson in kept]}
    return result, f"Kept what “{args.name}” taught, for {len(kept)} {'arm' if len(kept) == 1 else 'arms'}."
