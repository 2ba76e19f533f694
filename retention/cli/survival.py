"""How long users stay, by group."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import Add, about, add_population, day_of, names, open_store, population, rows

if TYPE_CHECKING:
    from retention.survival.curve import SurvivalGroup
    from retention.survival.spec import SurvivalSpec

SHOWN_PAIRS = 10


def register(add: Add) -> None:
    """Bring the command."""
    parser = add("survival", _survival, "how long users stay until they lapse, and whether groups differ")
    parser.add_argument("--window", type=int, metavar="DAYS", help="silence that counts as a lapse (default: setting)")
    parser.add_argument("--ends", default="first lapse", metavar='"first lapse"|"last activity"')
    parser.add_argument("--events", default="", metavar="EVENT[,EVENT]", help="what keeps a user (default: activity)")
    parser.add_argument("--start", default="", metavar="EVENT[,EVENT]", help="where a life begins (default: --events)")
    parser.add_argument("--entry", default="first-ever", metavar="first-ever|first-matching")
    parser.add_argument("--entry-on", type=day_of, metavar="D", help="follow users from this day only")
    parser.add_argument("--horizon", type=int, metavar="DAYS", help="days over which the mean stay is taken")
    parser.add_argument("--groups", type=int, default=50, metavar="N", help="show the largest N groups")
    parser.add_argument("--hazard", action="store_true", help="add the rate of lapsing week by week")
    parser.add_argument("--laws", action="store_true", help="add the fitted laws of lifetime")
    parser.add_argument("--cox", default="", metavar="ATTR[,ATTR]", help="add the hazard ratios of attributes")
    add_population(parser)


def _spec(args: argparse.Namespace) -> SurvivalSpec:
    from retention.survival.spec import SurvivalSpec

    where, by = population(args)
    return SurvivalSpec(
        ends=args.ends,
        window=args.window,
        events=names(args.events),
        start=names(args.start),
        entry=args.entry,
        where=where,
        by=by,
        entry_on=args.entry_on,
        horizon=args.horizon,
        max_groups=args.groups,
    )


def _survival(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.survival.answer import survival_curves
    from retention.survival.words import definition, gap_note, mean_words, median_words, verdict

    spec = _spec(args)
    with open_store(args) as store:
        curves = survival_curves(store, spec)
        catalogue = store.catalogue()
        result: dict[str, Any] = {
            **about(catalogue),
            "definition": definition(spec, catalogue),
            "window_days": curves.window_days,
            "horizon_days": curves.horizon_days,
            "last_known_on": curves.last_known_on.isoformat(),
            "groups": [_group(group) for group in curves.groups],
            "comparisons": rows(curves.comparisons),
            "merged": list(curves.merged),
            "lapses_over_gaps": curves.n_over_gaps,
        }
        more, lines = _models(args, store, spec)
    result |= more
    headline, detail = verdict(curves)
    table = [
        f"{'group':<24} {'n':>9} {'lapsed':>9} {'active':>9}  median (95 %)  ·  mean stay within {curves.horizon_days} days"
    ]
    table += [
        f"{group.name[:24]:<24} {group.n:>9,} {group.observed:>9,} {group.censored:>9,}  {median_words(group)}  ·  {mean_words(group)}"
        for group in curves.groups
    ]
    pairs = [
        f"{row.first} against {row.second}: {row.says}" + ("" if math.isnan(row.p) else f" (p = {row.p_adjusted:.2g})")
        for row in curves.comparisons.head(SHOWN_PAIRS).itertuples(index=False)
    ]
    said = [f"{headline} {detail}", "", *table, "", *pairs, *lines, gap_note(curves), result["definition"]]
    return result, "\n".join(line for i, line in enumerate(said) if line or i in (1,))


def _group(group: SurvivalGroup) -> dict[str, Any]:
    from retention.survival.curve import CURVE_COLUMNS, known

    return {
        "group": group.group,
        "n": group.n,
        "observed": group.observed,
        "censored": group.censored,
        "left_out": group.left_out,
        "gone_before": group.gone_before,
        "median": known(group.median),
        "low": known(group.median_low),
        "high": known(group.median_high),
        "mean_stay": known(group.mean_stay),
        "mean_stay_low": known(group.mean_low),
        "mean_stay_high": known(group.mean_high),
        "note": group.note,
        "curve": rows(group.curve[[name for name in CURVE_COLUMNS if name != "entered"]]),
    }


def _models(args: argparse.Namespace, store: Any, spec: SurvivalSpec) -> tuple[dict[str, Any], list[str]]:
    """Answer what was asked for besides; each model may say for itself why it cannot."""
    from retention.errors import SpecError
    from retention.survival import answer_models as models
    from retention.survival.spec import CoxSpec, HazardSpec
    from retention.survival.words import riskiest_words

    found: dict[str, Any] = {}
    lines: list[str] = []
    everyone = HazardSpec(survival=spec.of_everyone())
    if args.hazard:
        hazard = models.hazard_weeks(store, everyone)
        found["hazard"] = {
            "riskiest_week": hazard.riskiest,
            "candidates": list(hazard.candidates),
            "weeks": rows(hazard.weeks.drop(columns=["variance"])),
        }
        lines.append(" ".join(riskiest_words(hazard)))
    for is_wanted, name in ((args.laws, "laws"), (bool(args.cox), "cox")):
        if not is_wanted:
            continue
        try:
            if name == "laws":
                laws = models.lifetime_laws(store, everyone).laws
                found[name] = rows(laws)
                lines += [f"{row.law}: {row.parameters}, AIC {row.aic:,.1f}" for row in laws.itertuples(index=False)]
            else:
                cox = models.cox_model(store, CoxSpec(survival=spec, attributes=names(args.cox)))
                found[name] = {
                    "n": cox.n,
                    "n_population": cox.n_population,
                    "concordance": cox.concordance,
                    "is_proportional": cox.is_proportional,
                    "ratios": rows(cox.ratios),
                    "dropped": list(cox.dropped),
                }
                lines += [
                    f"{row.attribute} {row.value}: lapses at {row.ratio:.2f} ({row.low:.2f} to {row.high:.2f}) times the rate"
                    for row in cox.ratios.itertuples(index=False)
                    if not row.is_reference
                ]
        except SpecError as error:
            found[name] = {"reason": str(error)}
            lines.append(str(error))
    return found, lines
