"""Segments without a browser: how many there are, and what their users did next."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from retention.cli.arguments import Command, about, open_store, progress, rows

Verb = Callable[[str, Command, str], argparse.ArgumentParser]


def register_sweep(verb: Verb) -> None:
    """Bring the verb that tries several numbers of segments."""
    from retention.cli.segments import add_settings

    parser = verb("sweep", _sweep, "try several numbers of segments, and say which holds best")
    parser.add_argument("--k-from", type=int, default=2, metavar="N", help="the first number tried")
    parser.add_argument("--k-to", type=int, default=12, metavar="N", help="the last number tried")
    parser.add_argument("--bootstraps", type=int, default=20, metavar="N", help="how often the users are drawn anew")
    add_settings(parser)


def register_after(verb: Verb) -> None:
    """Bring the verb that follows the users of segments."""
    from retention.cli.segments import add_settings

    parser = verb(
        "after", _after, "what users did after the day (--as-of) on which they were put into segments: not circular"
    )
    parser.add_argument("--label", metavar="LABEL", help="a saved segmentation instead of one made anew as of the day")
    parser.add_argument("--weeks", type=int, default=12, metavar="N", help="weeks of seven days to watch")
    add_settings(parser)


def _sweep(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.cli.segments import settings
    from retention.segments.answer import segment_sweep
    from retention.segments.spec import SweepSpec

    with open_store(args) as store:
        asked = SweepSpec(
            segments=settings(args, store), k_from=args.k_from, k_to=args.k_to, n_bootstraps=args.bootstraps
        )
        sweep = segment_sweep(store, asked, progress("sweep"))
        table = sweep.table()
        result = {
            **about(store.catalogue()),
            "definition": "Stability: mean Jaccard similarity of each segment with what is found when the users are drawn anew;"
            " stable from 0.75. Best: the largest number of segments that all are stable and tighter than chance.",
            "best": sweep.best,
            "verdict": sweep.verdict,
            "number_by_gap": sweep.number_by_gap,
            "n_users": sweep.n_rows,
            "n_pairs": sweep.n_pairs,
            "n_bootstraps": sweep.n_bootstraps,
            "numbers": [
                {**row, "stabilities": list(found.stability)} for row, found in zip(rows(table), sweep.rows, strict=True)
            ],
        }
    lines = [sweep.verdict, f"{'k':>3} {'stable':>8} {'mean':>6} {'least':>6} {'gap':>14} {'silhouette':>11} {'Davies–Bouldin':>15}"]
    lines += [
        f"{row.k:>3} {f'{row.n_stable} of {row.k}':>8} {row.stability:6.2f} {row.least_stability:6.2f}"
        f" {row.gap:6.3f} ± {row.gap_error:.3f} {row.silhouette:11.3f} {row.davies_bouldin:15.3f}"
        f"{'' if row.is_structured else '  no tighter than chance'}"
        for row in table.itertuples(index=False)
    ]
    return result, "\n".join(lines)


def _after(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.cli.segments import settings
    from retention.segments.answer_after import segments_after
    from retention.segments.answer_saved import saved_segmentation
    from retention.segments.spec_after import AfterSpec
    from retention.segments.words_after import definition, lapse_words, revenue_words, verdict, window_words

    with open_store(args) as store:
        if args.label:
            key = saved_segmentation(store, args.label).property_key
            spec = AfterSpec(property_key=key, at=args.as_of, weeks=args.weeks)
        else:
            spec = AfterSpec(segments=settings(args, store), at=args.as_of, weeks=args.weeks)
        after = segments_after(store, spec)
        result: dict[str, Any] = {
            **about(store.catalogue()),
            "definition": definition(after),
            "label": after.label or None,
            "at": after.at_on.isoformat(),
            "model_learned_before": after.learned_on.isoformat() if after.learned_on else None,
            "n_weeks": after.n_weeks,
            "window_days": after.window_days,
            "n_users": after.n_users,
            "n_left_out": after.n_left_out,
            "segments": [{"name": name, "n": n} for name, n in zip(after.names, after.sizes, strict=True)],
            "weeks": rows(after.weeks),
            "compared_week": after.compared_week,
            "pairs": rows(after.pairs),
            "lapses": _lapses(after),
            "revenue": None if after.revenue is None else rows(after.revenue),
            "notes": list(after.notes),
        }
    said = [verdict(after), lapse_words(after), revenue_words(after)]
    lines = [f"{window_words(after)}", *(" ".join(part for part in pair if part) for pair in said), definition(after)]
    return result, "\n".join([*lines, *after.notes])


def _lapses(after: Any) -> dict[str, Any] | None:
    from retention.survival.curve import known

    curves = after.curves
    if curves is None:
        return None
    return {
        "last_known_on": curves.last_known_on.isoformat(),
        "groups": [
            {
                "segment": group.name,
                "n": group.n,
                "observed": group.observed,
                "censored": group.censored,
                "silent_already": group.gone_before,
                "median": known(group.median),
                "low": known(group.median_low),
                "high": known(group.median_high),
                "curve": rows(group.curve.drop(columns=["entered"])) if group.n else [],
            }
            for group in curves.groups
        ],
        "comparisons": rows(curves.comparisons),
        "lapses_over_gaps": curves.n_over_gaps,
    }
