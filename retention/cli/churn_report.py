"""How far a churn score can be trusted, why it says what it says of a user, and when users will lapse."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import about, iso_or_none, open_store, progress, rows
from retention.cli.churn_table import figure, known
from retention.errors import SpecError
from retention.periods import date_of

if TYPE_CHECKING:
    from retention.store import Store

SHOWN = 20
THRESHOLD = 0.5


def register_reports(verb: Any) -> None:
    """Add the verbs."""
    report = verb("report", _report, "how good a version is, on users it has not learned from")
    report.add_argument("--version", type=int, metavar="N", help="default: the one in service")
    report.add_argument("--threshold", type=float, metavar="P", help="precision, recall and F1 from this probability on (default: 0.5)")
    report.add_argument("--by", metavar="ATTRIBUTE", help="is it as good for each group of users?")
    report.add_argument("--drift", action="store_true", help="how far users have moved since it was trained")
    compare = verb("compare", _compare, "two versions beside each other")
    compare.add_argument("one", type=int, metavar="VERSION")
    compare.add_argument("two", type=int, metavar="VERSION")
    explain = verb("explain", _explain, "why a user has the score")
    explain.add_argument("user", metavar="USER", help="a pseudonym, its first 6 characters or more, or the id in the file")
    explain.add_argument("--set", action="append", default=[], metavar="FEATURE=VALUE", help="what the score would be; may be repeated")
    when = verb("when", _when, "when users are expected to have been for the last time")
    from retention.cli.churn import add_question

    add_question(when)
    when.add_argument("--user", metavar="USER", help="of one user: a pseudonym, its beginning, or the id in the file")


def asked_version(store: Store, version: int | None) -> int:
    """Return the version asked for, or the one in service.

    Raises
    ------
    SpecError
        If there is none.
    """
    from retention.churn.answer_registry import serving

    if version is not None:
        return version
    card = serving(store)
    if card is None:
        raise SpecError("There is no model yet.", hint="Run `churn train`.")
    return card.version


def _report(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.churn.answer_report import churn_drift, churn_fairness, churn_report
    from retention.churn.judgement import at_threshold
    from retention.churn.words_report import (
        calibration_sentence,
        drift_sentence,
        line_sentence,
        stability_sentence,
        standing_sentence,
        threshold_sentence,
        title_of,
    )

    threshold = THRESHOLD if args.threshold is None else args.threshold
    if not 0 <= threshold <= 1:
        raise SpecError(f"`--threshold` must be a probability from 0 to 1, not {threshold:g}.")
    with open_store(args) as store:
        version = asked_version(store, args.version)
        found = churn_report(store, version)
        by = churn_fairness(store, version, args.by, threshold) if args.by else None
        drift = churn_drift(store, version) if args.drift else None
        result = about(store.catalogue())
    card, held, standing = found.card, found.held_back, found.standing
    choice = at_threshold(held.lapsed, held.probability, threshold)
    lines = [
        card.sentence,
        standing_sentence(standing, held.cutoff_day),
        calibration_sentence(standing.line, standing.calibration),
        line_sentence(standing.line),
        threshold_sentence(choice, standing.n_users, standing.n_lapsed),
        stability_sentence(found.stability),
        f"{'':<28} {'ROC AUC':>8} {'(95 %)':>15} {'avg. prec.':>10} {'Brier':>7} {'log-loss':>9}",
    ]
    for row in rows(standing.beside):
        mark = " ← chosen" if row["is_chosen"] else f"   ahead by {_ahead(row)}"
        bounds = f"{_three(row['auc_low'])} to {_three(row['auc_high'])}"
        lines.append(
            f"{title_of(row['score']):<28} {_three(row['auc']):>8} {bounds:>15} {_three(row['average_precision']):>10}"
            f" {_three(row['brier']):>7} {_three(row['log_loss']):>9}{mark}"
        )
    result |= {
        "definition": "On users of a later cut-off than any that taught or calibrated; 95 % bootstrap intervals.",
        "version": version,
        "model": card.name,
        "held_back_on": date_of(held.cutoff_day).isoformat(),
        "n_users": standing.n_users,
        "n_lapsed": standing.n_lapsed,
        "base_rate": standing.base_rate,
        "horizon_days": card.spec.lapse.horizon_days,
        "gap_days": card.spec.lapse.gap_days,
        "lookback_days": card.spec.lapse.lookback_days,
        "verdict": card.word,
        "sentence": card.sentence,
        "beside": rows(standing.beside),
        "calibration": rows(standing.calibration),
        "slope": figure(standing.line.slope),
        "intercept": figure(standing.line.intercept),
        "threshold": threshold,
        "at_threshold": {"n": choice.n, "precision": figure(choice.precision), "recall": figure(choice.recall), "f1": known(choice.f1)},
        "stability": rows(found.stability.rows),
        "gains": rows(standing.gains),
        "importance": card.report.get("importance"),
        "zoo": card.report.get("table"),
        "skipped": card.report.get("skipped"),
        "season": card.report.get("season"),
    }
    if by is not None:
        result["by"] = {
            "attribute": args.by, "of": iso_or_none(by.label_us), "is_circular": by.is_circular, "groups": rows(by.fairness.rows),
            "n_hidden_groups": by.fairness.n_hidden_groups, "n_hidden_users": by.fairness.n_hidden_users,
        }  # fmt: skip
        lines += _group_lines(result["by"], threshold)
    if drift is not None:
        result["drift"] = {
            "as_of": date_of(drift.cutoff_day).isoformat(), "n_users": drift.n_users, "features": rows(drift.features),
            "score_psi": known(drift.score_psi), "score_by_chance": known(drift.score_by_chance),
        }  # fmt: skip
        lines.append(drift_sentence(drift))
        lines += [f"  {row['feature']:<28} PSI {_three(row['psi'])}" for row in rows(drift.features)[:SHOWN]]
    return result, "\n".join(lines)


def _ahead(row: dict[str, Any]) -> str:
    if row["ahead"] is None:
        return "not known"
    return f"{row['ahead']:+.3f} ({row['ahead_low']:+.3f} to {row['ahead_high']:+.3f})".replace("-", "−")


def _three(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _group_lines(by: dict[str, Any], threshold: float) -> list[str]:
    lines = [f"By {by['attribute']}, at a threshold of {threshold:.0%} (against all other users):"]
    for row in by["groups"]:
        lines.append(
            f"  {row['group']:<24} n {row['n']:>7,}  lapsed {_share(row['came'])}  chosen {_share(row['chosen'])} {row['chosen_says']},"
            f"  caught {_share(row['caught'])} {row['caught_says']},  bothered {_share(row['bothered'])} {row['bothered_says']};"
            f"  said {_share(row['said'])}: {row['calibration_says']}"
        )
    if by["n_hidden_groups"]:
        lines.append(f"  {by['n_hidden_groups']} groups of fewer than 10 users are not shown.")
    return lines


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _compare(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.churn.answer_report import compare_versions

    with open_store(args) as store:
        found = compare_versions(store, args.one, args.two)
        result = {
            **about(store.catalogue()),
            "definition": "The older version first; “ahead” is the ROC AUC of the newer less that of the older on the same users.",
            "one": found.one.version,
            "two": found.two.version,
            "is_same_question": found.is_same_question,
            "n_shared": found.n_shared,
            "ahead": figure(found.ahead),
            "figures": rows(found.figures),
            "gone": list(found.gone),
            "added": list(found.added),
            "settings": [{"what": what, "one": one, "two": two} for what, one, two in found.settings],
        }
    lines = [f"Version {found.one.version} ({found.one.name}) and version {found.two.version} ({found.two.name})"]
    if not found.is_same_question:
        lines.append("They predict different things: their figures cannot be compared.")
    elif found.n_shared and result["ahead"]["value"] is not None:
        ahead = {"ahead": found.ahead.value, "ahead_low": found.ahead.low, "ahead_high": found.ahead.high}
        lines.append(f"On the same {found.n_shared:,} users the newer one ranks {_ahead(ahead)} better (ROC AUC).")
    else:
        lines.append("They were judged on other users: their figures stand beside each other, no more.")
    for row in result["figures"]:
        lines.append(f"  {row['figure']:<20} {_three(row['one']):>8} {_three(row['two']):>8}")
    lines += [f"  {what}: {one} → {two}" for what, one, two in found.settings]
    if found.gone:
        lines.append(f"  no longer read: {', '.join(found.gone)}")
    if found.added:
        lines.append(f"  newly read: {', '.join(found.added)}")
    return result, "\n".join(lines)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _explain(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.churn.answer_reasons import scored_users
    from retention.churn.model_reasons import user_reasons, what_if
    from retention.churn.words_reasons import (
        because,
        follow_sentence,
        reason_words,
        told_reasons,
        unseen_sentence,
        what_if_sentence,
    )
    from retention.profiles.answer import find_user, user_profile

    changes = _changes(args.set)
    with open_store(args) as store:
        user = user_profile(store, find_user(store, args.user))
        scored = scored_users(store)
        found = user_reasons(scored, user.user_key)
        changed = what_if(scored, user.user_key, changes) if changes else None
        result = about(store.catalogue())
    result |= {
        "definition": "What each feature adds to the log-odds of the score, against the users who were scored; with the base the"
        " parts add up to the score. A part goes with the risk; it is no cause of it.",
        "user": user.pseudonym,
        "version": found.scoring.version,
        "cutoff": found.scoring.cutoff.isoformat(),
        "probability": found.probability,
        "stored": known(found.stored),
        "because": because(found),
        "log_odds": found.base + sum(reason.part for reason in found.reasons),
        "base": found.base,
        "n_compared": found.n_compared,
        "reasons": [
            {
                "title": reason.title, "words": reason_words(reason, found.values), "features": list(reason.features),
                "log_odds": reason.part, "error": reason.error,
            }
            for reason in found.reasons
        ],
        "features": rows(found.table()),
    }  # fmt: skip
    lines = [f"User {user.pseudonym}, scored as of {result['cutoff']} by version {result['version']}: {because(found)}"]
    for reason in told_reasons(found, len(found.reasons)):
        lines.append(f"{_signed(reason.part):>6}  {reason.title}: {reason_words(reason, found.values)}")
    lines.append(f"With the {_signed(found.base)} of the usual user these log-odds add up to the score.")
    if changed is not None:
        result["what_if"] = {
            "before": changed.before, "after": changed.after, "follow": list(changed.follow), "impossible": list(changed.impossible),
            "unseen": list(changed.unseen),
        }  # fmt: skip
        said = (what_if_sentence(changed, changes), follow_sentence(changed), *changed.impossible, unseen_sentence(changed))
        lines += [text for text in said if text]
    lines.append("What goes with a risk need not be its cause, and changing it need not change what the user does.")
    return result, "\n".join(lines)


def _changes(texts: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise SpecError(f"`--set` must look like days_since_last=10, not {text!r}.") from None
    return found


def _when(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.churn.answer_when import lapse_times
    from retention.churn.words_reasons import judged_sentence, user_when_sentence, when_definition, when_sentence
    from retention.cli.churn import question
    from retention.profiles.answer import find_user, user_profile

    with open_store(args) as store:
        spec, why = question(args, store)
        found = lapse_times(store, spec, progress("churn"))
        user = user_profile(store, find_user(store, args.user)) if args.user else None
        result = about(store.catalogue())
    models = rows(found.models)
    result |= {
        "definition": when_definition(found),
        "cutoff": found.cutoff_on.isoformat(),
        "window_days": found.window_days,
        "follow_days": found.follow_days,
        "n_users": found.n_users,
        "n_silent": found.n_silent,
        "n_rows": found.n_rows,
        "n_observed": found.n_observed,
        "n_judged": found.n_judged,
        "models": models,
        "why_lapse": why,
    }
    lines = [
        when_sentence(found),
        judged_sentence(found),
        f"{'model':<44} {'concordance':>24} {'gone by the median':>24}",
    ]
    for row in models:
        lines.append(f"{row['title'][:43]:<44} {_bounds(row, 'concordance', ''):>24} {_bounds(row, 'by_median', 'by_median_'):>24}"
                     f"  {row['teaches']}")  # fmt: skip
    if user is not None:
        row_of = found.of_user(user.user_key)
        result["user"] = {"user": user.pseudonym, **({} if row_of is None else rows(row_of.drop("user_key").to_frame().T)[0])}
        silent = f"Of user {user.pseudonym} nothing is said: silent already, or not active in the look-back."
        lines.append(silent if row_of is None else user_when_sentence(found, row_of))
    else:
        result["quantiles"] = rows(found.users[["median"]].describe().reset_index())
    return result, "\n".join(lines)


def _bounds(row: dict[str, Any], name: str, prefix: str) -> str:
    if row[name] is None:
        return "not judged"
    low, high = row[f"{prefix}low"], row[f"{prefix}high"]
    return f"{row[name]:.3f}" if low is None else f"{row[name]:.3f} ({low:.3f} to {high:.3f})"

