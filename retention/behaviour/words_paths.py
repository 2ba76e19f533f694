"""Paths and what they show, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.behaviour.paths import Paths
from retention.behaviour.spec_funnel import length_words
from retention.behaviour.spec_paths import PathsSpec, PathUsersSpec, SequenceUsersSpec
from retention.behaviour.words_funnel import Finding, range_words, users_many
from retention.cohorts.words import asked_words, interval, local, percent

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue

KIND_WORDS = {"other": "other events", "nothing": "nothing more"}


def place_words(kind: str, event: str | None) -> str:
    """Name what stands at a step.

    Examples
    --------
    >>> place_words("event", "purchase"), place_words("nothing", None)
    ('purchase', 'nothing more')
    """
    return event or KIND_WORDS[kind]


def definition(spec: PathsSpec, catalogue: Catalogue) -> str:
    """Say what the numbers mean, from the settings and nothing else."""
    clock = catalogue.require_clock()
    what = "follow" if spec.direction == "after" else "precede"
    until = local(clock.as_of_us, clock.timezone)
    if spec.within_us is None:
        within = f" Everything up to {until} counts: who did it recently had less time." if what == "follow" else ""
    elif what == "follow":
        within = (
            f" Only events less than {length_words(spec.within_us)} after it count, and only users whose"
            f" {length_words(spec.within_us)} had ended by {until} and touch no stretch marked missing."
        )
    else:
        within = (
            f" Only events less than {length_words(spec.within_us)} before it count, and only users whose"
            f" {length_words(spec.within_us)} touch no stretch marked missing."
        )
    same = " The same event several times in a row counts as once." if spec.is_collapsed else ""
    gone = (
        f" Left out as if they had not happened: {', '.join(f'“{n}”' for n in spec.ignored)}." if spec.ignored else ""
    )
    steps = "The event" if spec.n_steps == 1 else f"The first {spec.n_steps} events"
    return (
        f"{steps} that {what}{'s' if spec.n_steps == 1 else ''} each user's first “{spec.event}” in all history."
        f"{within}{same}{gone} Events at the very same instant stand in the order of the alphabet."
        f"{range_words(spec.from_on, spec.to_on, f'first “{spec.event}”')}{asked_words(spec.where, None, catalogue)}"
    )


def users_words(spec: PathUsersSpec, catalogue: Catalogue) -> str:
    """Say whose users stand at a step."""
    side = spec.paths.direction
    what = f"“{spec.event}”" if spec.kind == "event" else KIND_WORDS[spec.kind]
    return (
        f"Users with {what} as event {spec.step} {side} their first “{spec.paths.event}”."
        f" {definition(spec.paths, catalogue)}"
    )


def sequence_words(spec: SequenceUsersSpec, catalogue: Catalogue) -> str:
    """Say whose users have a sequence."""
    what = " → ".join(f"“{name}”" for name in spec.events) or "nothing at all"
    more = " and nothing more" if 0 < len(spec.events) < spec.paths.n_steps else ""
    return (
        f"Users with {what}{more} {spec.paths.direction} their first “{spec.paths.event}”"
        f"{' (the nearest first)' if spec.paths.direction == 'before' else ''}. {definition(spec.paths, catalogue)}"
    )


def finding(paths: Paths) -> Finding:
    """Say what most users do next, and how many do nothing."""
    spec = paths.spec
    if not paths.n_users:
        began = paths.n_open + paths.n_gap
        if began:
            return Finding(
                f"Too early to tell: what lies {spec.direction} “{spec.event}” cannot be judged yet.",
                f"{users_many(began)} did it. Shorten the time watched, or look again when there is more data.",
            )
        return Finding(f"Nobody did “{spec.event}” within these settings.", "Widen the dates or filters.")
    first = paths.steps[paths.steps["step"] == 1]
    named = first[first["kind"] == "event"].sort_values("n_users", ascending=False, kind="stable")
    nothing = first[first["kind"] == "nothing"].iloc[0]
    after = "After" if spec.direction == "after" else "Before"
    within = f" within {length_words(spec.within_us)}" if spec.within_us is not None else ""
    if named.empty:
        return Finding(
            f"{after} their first “{spec.event}”, none of {users_many(paths.n_users)} does anything{within}."
        )
    best = named.iloc[0]
    nxt = "next" if spec.direction == "after" else "last"
    return Finding(
        f"{after} their first “{spec.event}”, {percent(best['rate'])} of {users_many(paths.n_users)} do"
        f" “{best['event']}” {nxt}{within} (95 % interval {interval(best['low'], best['high'])}).",
        f"{percent(nothing['rate'])} do nothing {'more' if spec.direction == 'after' else 'before it'}{within}.",
    )


def left_out(paths: Paths) -> str:
    """Say who was left out, and why; nothing if nobody was."""
    parts = []
    if paths.n_open:
        parts.append(f"{users_many(paths.n_open)} did it too recently to be judged")
    if paths.n_gap:
        parts.append(f"{users_many(paths.n_gap)} did it around days marked missing")
    return f"Left out: {' and '.join(parts)}." if parts else ""
