"""Answers about features: read-only, each from one snapshot of the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from retention.cohorts.answer import population
from retention.cohorts.words import local
from retention.errors import SpecError
from retention.features import query
from retention.features.likely import (
    ARMS,
    CHANNELS,
    CONTACTS,
    DEVICES,
    DISCOUNTS,
    REVIEWS,
    SEARCHES,
    STARS,
    all_like,
    first_like,
)
from retention.features.model_sentiment import tones
from retention.features.spec import FeatureSpec, Moment
from retention.features.spec_registry import REGISTRY
from retention.features.table import (
    Assembly,
    FeatureTable,
    categories,
    people_keys,
    place_texts,
    seen_before,
    tally,
    text_rows,
    with_pseudonyms,
    word_counts,
)
from retention.periods import day_number, iso, local_day, midnight_us, to_us
from retention.store import Snapshot, Sql, Store

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue, Clock, EventName, PropertyName


def user_features(store: Store, spec: FeatureSpec) -> FeatureTable:
    """What was known of every user at a moment?"""
    with store.snapshot() as snapshot:
        return features_of(snapshot, spec)


def moment_of(spec: FeatureSpec, clock: Clock) -> Moment:
    """Find the instant before which the spec looks.

    Raises
    ------
    SpecError
        If it is later than the data are complete.
    """
    cutoff = spec.cutoff
    if cutoff is None:
        us = clock.as_of_us
    elif isinstance(cutoff, datetime):
        us = to_us(cutoff)
    else:
        us = midnight_us(day_number(cutoff), clock.timezone)
    if us > clock.as_of_us:
        raise SpecError(
            f"The cut-off must not be later than {iso(clock.as_of_us)}, up to when the data are complete, not {_said(cutoff)}.",
            hint="Choose an earlier day, or leave the cut-off out.",
        )
    day = local_day(us, clock.timezone)
    return Moment(us, day, us == midnight_us(day, clock.timezone), us == clock.as_of_us)


def _said(cutoff: date | datetime | None) -> str:
    return "" if cutoff is None else cutoff.isoformat()


def features_of(snapshot: Snapshot, spec: FeatureSpec) -> FeatureTable:
    """What was known of every user at a moment, in a snapshot that is open?

    Raises
    ------
    SpecError
        If nobody had been active by then, or nobody satisfies the filter.
    """
    catalogue = snapshot.catalogue
    moment = moment_of(spec, catalogue.require_clock())
    everybody = population(catalogue, spec.where) if spec.where else None
    people = query.people(everybody, moment)
    keys = people_keys(snapshot.read(people))
    if not len(keys):
        if spec.where:
            raise SpecError(
                "No user who was active before the cut-off satisfies the filter.", hint="Take a condition away."
            )
        raise SpecError("Nobody was active before the cut-off.", hint="Choose a later day.")
    reader = _Reader(snapshot, moment, people if everybody is not None else None)
    absent = {name: reason for name in spec.asked if (reason := reader.reason(name))}
    table = Assembly(keys, tuple(name for name in spec.asked if name not in absent))
    for part, columns in table.needs.items():
        reader.add(table, part, columns)
    frame, missing = table.features(moment.end_day, {})
    frame, labels = categories(frame, reader.labels)
    reasons = {**absent, **missing}
    return FeatureTable(
        spec=spec,
        frame=frame,
        cutoff_us=moment.us,
        end_day=moment.end_day,
        data_version=catalogue.data_version,
        absent={name: reasons[name] for name in spec.asked if name in reasons},
        labels=labels,
        notes=(*_gap_notes(moment, catalogue.require_clock()), *reader.notes),
    )


def _gap_notes(moment: Moment, clock: Clock) -> list[str]:
    """Say which stretches before the cut-off are marked missing: what happened then is in no count."""
    missing = [
        f"{local(start, clock.timezone)} to {local(end, clock.timezone)}" for start, end in clock.gaps if start < moment.us
    ]
    if not missing:
        return []
    return [f"The data are marked missing from {', from '.join(missing)}: what happened then is in no count."]


def feature_file(
    snapshot: Snapshot, spec: FeatureSpec, fmt: str, to_bytes: Callable[[Any, str], bytes]
) -> tuple[bytes, FeatureTable]:
    """What is the file of the features, under pseudonyms? Only orders ask, for they leave a trace."""
    table = features_of(snapshot, spec)
    return to_bytes(with_pseudonyms(table, snapshot.read(query.pseudonyms())), fmt), table


class _Reader:
    """Reads the parts of one table, and knows which the store has nothing for."""

    def __init__(self, snapshot: Snapshot, moment: Moment, people: Sql | None) -> None:
        self.snapshot, self.moment, self.people = snapshot, moment, people
        self.catalogue: Catalogue = snapshot.catalogue
        first = snapshot.read(query.first_seen())
        self.seen = seen_before(first, moment.us)
        self.labels: dict[str, dict[int, str]] = {}
        self.notes: list[str] = []
        settings = self.catalogue.settings
        self.revenue = self._kinds(settings.revenue_events)
        self.refund = self._kinds(settings.refund_events)

    def _kinds(self, names: tuple[str, ...]) -> list[EventName]:
        """Look up kinds of event of which one happened before the cut-off."""
        events = self.catalogue.events
        return [events[name] for name in names if name in events and events[name].event_key in self.seen]

    def _like(self, pattern: str) -> list[EventName]:
        return self._kinds(all_like(self.catalogue.events, pattern))

    def _property(self, patterns: tuple[str, ...]) -> PropertyName | None:
        name = first_like(self.catalogue.properties, patterns)
        return None if name is None else self.catalogue.property_name(name)

    def reason(self, name: str) -> str:
        """Say why there can be no such feature; nothing where there can."""
        group, catalogue = REGISTRY[name].group, self.catalogue
        is_paid_back = name in ("refunded", "net") and bool(self.refund)
        if group in ("orders", "basket", "items") and not self.revenue and not is_paid_back:
            return f"The store holds no {_either(catalogue.settings.revenue_events)} before the cut-off."
        if name in ("refunded", "refund_share") and not self.refund and not self._has_refunds():
            return f"The store holds no {_either(catalogue.settings.refund_events)} before the cut-off."
        for part, pattern, what in (
            ("reviews", REVIEWS, "review or rating"),
            ("searches", SEARCHES, "search"),
            ("contacts", CONTACTS, "contact by a campaign"),
        ):
            if group == part and not self._like(pattern):
                return f"The store holds no event before the cut-off whose name says that it is a {what}."
        for part, patterns in (("channel", CHANNELS), ("device", DEVICES)):
            if group == part and self._property(patterns) is None:
                return f"The store holds no property whose name says that it is a {part}."
        if name == "discount_share" and self._property(DISCOUNTS) is None:
            return "The store holds no property whose name says that it is a discount or a coupon."
        return ""

    def _has_refunds(self) -> bool:
        frame = self.snapshot.read(query.refunds(self.moment, None, self.revenue, self.refund))
        return bool(len(frame))

    def add(self, table: Assembly, part: str, columns: set[str]) -> None:
        """Read a part of the table."""
        read, moment, people, catalogue = self.snapshot.read, self.moment, self.people, self.catalogue
        match part:
            case "activity":
                table.add(part, read(query.activity(moment, catalogue, people, columns)))
            case "kinds":
                table.add(part, read(query.kinds(moment, catalogue, people)))
            case "orders":
                table.add(part, read(query.orders(moment, people, columns, self.revenue)))
            case "refunds" if moment.is_watermark:
                table.add(part, read(query.orders(moment, people, columns, self.revenue)))
            case "refunds":
                table.add(part, read(query.refunds(moment, people, self.revenue, self.refund)))
            case "basket":
                table.add(part, read(query.basket(moment, people, self.revenue, self._property(DISCOUNTS))))
            case "items":
                table.add(part, read(query.items(moment, people, self.revenue)))
            case "seen":
                table.add(part, read(query.seen(moment, catalogue, people)))
            case "hours":
                table.add(part, read(query.hours(moment, catalogue, people, min(self.seen.values()))))
            case "reviews":
                kinds = self._like(REVIEWS)
                table.add(part, read(query.voices(moment, people, kinds, self._property(STARS))))
            case "searches":
                table.add(part, read(query.voices(moment, people, self._like(SEARCHES), None)))
            case "contacts":
                kinds = self._like(CONTACTS)
                table.add(part, read(query.contacts(moment, people, kinds, self._property(ARMS))))
            case "words" | "tones":
                self._add_texts(table, part)
            case _:
                self._add_values(table, part)

    def _add_texts(self, table: Assembly, part: str) -> None:
        written = query.written(self.moment, self.people, self._like(REVIEWS if part == "tones" else SEARCHES))
        texts = self.snapshot.read(query.texts(written))
        if part == "words":
            scores: dict[int, float] = {key: float(n) for key, n in word_counts(texts).items()}
        else:
            judged, notes = tones(text_rows(texts))
            scores = dict(judged)
            self.notes.extend(notes)
        table.add(part, tally(self.snapshot.read(written), scores))

    def _add_values(self, table: Assembly, part: str) -> None:
        prop = self._property(CHANNELS if part == "channel" else DEVICES)
        assert prop is not None  # else there is a reason, and nobody asks
        table.add(part, self.snapshot.read(query.values(self.moment, self.catalogue, self.people, prop)))
        texts = place_texts(self.snapshot.read(query.value_texts(prop)))
        self.labels |= {f"{part}_first": texts, f"{part}_last": texts}


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(f'"{name}"' for name in names) or "refund"
