"""What becomes of each column: the casts, the checks in their order, and what makes a row itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retention.errors import FileError
from retention.ingest.amounts import amount_sql
from retention.ingest.columns import complete_mapping, find_column, guess_mapping, missing_column, snake
from retention.ingest.engine import END_US, FIRST_US, literal
from retention.ingest.source import Source
from retention.ingest.spec import DEFAULT_EVENT, ImportSpec
from retention.ingest.times import TimePlan, plan_times
from retention.store.staged import Property, StagedKind

if TYPE_CHECKING:
    import duckdb

TEXTS = ("item", "item_name", "category", "text")
_ORDER_COLUMNS = {
    "user": ("CustomerID", "Customer ID"),
    "time": ("InvoiceDate",),
    "invoice": ("InvoiceNo", "Invoice"),
    "item": ("StockCode",),
    "item_name": ("Description",),
    "quantity": ("Quantity",),
    "price": ("UnitPrice", "Price"),
    "event:country": ("Country",),
}
_OPTIONAL_OF_ORDERS = {"item", "item_name", "event:country"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """Turn a row away where `condition` holds, for `reason`; `column` and SQL `raw` say what was found."""

    condition: str
    reason: str
    column: str
    raw: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything the casts need, as SQL.

    Parameters
    ----------
    texts, casts, derived : dict
        Name to expression: over ``raw``, over that, and over both. Each layer is computed once a row.
    checks : tuple of Check
        Conditions over the cast rows; the first that holds is the reason.
    identity : tuple of (str, str)
        Label and expression of every source column, in the order of the labels.
    properties : tuple of Property
    mapping : dict
    kind : {"events", "order_lines"}
    times : TimePlan
    """

    texts: dict[str, str]
    casts: dict[str, str]
    derived: dict[str, str]
    checks: tuple[Check, ...]
    identity: tuple[tuple[str, str], ...]
    properties: tuple[Property, ...]
    mapping: dict[str, str]
    kind: StagedKind
    times: TimePlan
    notes: tuple[str, ...] = field(default=())


def mapping_for(spec: ImportSpec, columns: tuple[str, ...], samples: list[list[str | None]]) -> dict[str, str]:
    """Resolve which column is which: as said, as the preset has it, or guessed.

    Raises
    ------
    FileError
        If a column that is needed is not there.
    """
    if spec.preset == "order-lines":
        mapping = _order_mapping(spec, columns)
    elif spec.preset in {"ga4", "segment"}:
        mapping = {column: column for column in columns}
    elif spec.mapping:
        mapping = complete_mapping(spec.mapping, columns)
    else:
        mapping = guess_mapping(columns, samples)
        if spec.constant_event is not None and "event" in mapping:
            column = mapping.pop("event")
            mapping[f"event:{column}"] = column
    for target in ("user", "time"):
        if target not in mapping:
            shown = ", ".join(columns[:20]) + (" …" if len(columns) > 20 else "")
            raise FileError(
                f"No column for the {target} is named, and none looks like one.",
                hint=f"Say {target}=COLUMN. Columns found: {shown}.",
            )
    return mapping


def _order_mapping(spec: ImportSpec, columns: tuple[str, ...]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for target, spellings in _ORDER_COLUMNS.items():
        named = spec.mapping.get(target) or (spec.mapping.get("value") if target == "price" else None)
        if named is not None and named not in columns:
            raise missing_column(named, columns, role=target)
        found = named or find_column(columns, *spellings)
        if found is not None:
            mapping[target] = found
        elif target not in _OPTIONAL_OF_ORDERS:
            raise missing_column(spellings[0], columns, role=target)
    for target, column in spec.mapping.items():
        if column not in columns:
            raise missing_column(column, columns, role=target)
        if target.startswith(("event:", "user:")):
            mapping[target] = column
    used = set(mapping.values())
    mapping |= {f"ignore:{column}": column for column in columns if column not in used}
    return {f"event:{snake(t[6:])}" if t.startswith("event:") else t: c for t, c in mapping.items()}


def plan_rows(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    mapping: dict[str, str],
    spec: ImportSpec,
    *,
    is_sample: bool = False,
) -> Plan:
    """Decide the casts of a file from its columns' types and contents, or from those of a sample of it."""
    is_orders = spec.preset == "order-lines"
    user, time = mapping["user"], mapping["time"]
    texts, casts, derived = {}, {}, {}
    texts["user_raw"] = f"{source.at(user)}::varchar"
    texts["user_text"], texts["user_value"], casts["user_id"] = _user_sql(
        source.at(user), source.type_of(user), is_trimmed=is_orders
    )
    times = plan_times(
        con,
        source.at(time),
        source.type_of(time),
        timezone=spec.timezone,
        has_explicit_timezone=spec.has_explicit_timezone,
        is_sample=is_sample,
    )
    texts |= {"time_raw": times.raw, "time_value": times.value}
    casts |= {"local_us": times.us, "is_local": times.is_local}
    for target in ("quantity", "price") if is_orders else ("value", "quantity"):
        raw, value, number = "null::varchar", "null::varchar", "null::decimal(18, 6)"
        if target in mapping:
            raw, value, number = amount_sql(con, source.at(mapping[target]), source.type_of(mapping[target]), target)
        texts[f"{target}_raw"], texts[f"{target}_value"], casts[target] = raw, value, number
    for target in ("invoice", "item", "item_name") if is_orders else TEXTS:
        texts[target] = text_sql(source, mapping.get(target))
    if is_orders:
        # In the shop's books a cancellation is an invoice of its own whose number begins with C.
        derived["event"] = "case when invoice[1] in ('C', 'c') or quantity < 0 then 'refund' else 'purchase' end"
    elif "event" in mapping:
        texts["event"] = text_sql(source, mapping["event"])
    else:
        texts["event"] = literal((spec.constant_event or DEFAULT_EVENT).strip())
    properties: list[Property] = []
    for target, column in mapping.items():
        if target.startswith(("event:", "user:")):
            kind, _, name = target.partition(":")
            texts[f"p{len(properties)}"] = text_sql(source, column)
            properties.append(Property(name=name, kind="event" if kind == "event" else "user"))
    identity = _identity(source, mapping, properties, is_orders=is_orders)
    for label, name in identity:
        if label.startswith("ignore:"):
            texts[name] = text_sql(source, mapping[label])
    return Plan(
        texts=texts,
        casts=casts,
        derived=derived,
        checks=_order_checks(mapping) if is_orders else _event_checks(mapping),
        identity=identity,
        properties=tuple(properties),
        mapping=mapping,
        kind="order_lines" if is_orders else "events",
        times=times,
        notes=(times.note,) if times.note else (),
    )


def text_sql(source: Source, column: str | None) -> str:
    """Write SQL for a column as text, null where blank."""
    if column is None:
        return "null::varchar"
    at, type_ = source.at(column), source.type_of(column)
    if type_ == "VARCHAR":
        return at
    if type_ in {"FLOAT", "DOUBLE"}:
        # A data frame's whole numbers beside missing ones come as floats: 3.0 was 3.
        return (
            f"case when isnan({at}) then null when {at} = trunc({at}) and abs({at}) < 9007199254740992"
            f" then {at}::bigint::varchar else {at}::varchar end"
        )
    return f"{at}::varchar"


def _user_sql(at: str, type_: str, *, is_trimmed: bool) -> tuple[str, str, str]:
    """Write SQL for the id as text, for the value to cast, and, over these two, for the id that is kept."""
    if type_ in {"FLOAT", "DOUBLE"} or type_.startswith("DECIMAL"):
        # Beyond 2^53 a float has lost digits of the id, and two users may have become one.
        exact = 16777216 if type_ == "FLOAT" else 9007199254740992
        is_whole = "user_value = trunc(user_value)"
        if not type_.startswith("DECIMAL"):
            is_whole += f" and abs(user_value) <= {exact}"
        text = f"case when {at}::varchar <> 'nan' then {at}::varchar end"
        return text, at, f"case when {is_whole} then try_cast(user_value as hugeint)::varchar end"
    if type_ != "VARCHAR":
        return f"{at}::varchar", at, "user_text"
    if is_trimmed:
        return (
            f"present({at})",
            at,
            "case when ends_with(user_text, '.0') then regexp_replace(user_text, '^(\\d+)\\.0$', '\\1')"
            " else user_text end",
        )
    return f"present({at})", at, "user_text"


def _identity(
    source: Source, mapping: dict[str, str], properties: list[Property], *, is_orders: bool
) -> tuple[tuple[str, str], ...]:
    names = {"user": "user_id", "time": "occurred_us"}
    labelled = {label: names.get(label, label) for label in mapping if ":" not in label}
    labelled |= {f"{p.kind}:{p.name}": f"p{i}" for i, p in enumerate(properties)}
    if not is_orders:
        labelled["event"] = "event"
    labelled |= {label: f"i{source.columns.index(mapping[label])}" for label in mapping if label.startswith("ignore:")}
    return tuple(sorted(labelled.items()))


def _common_checks(mapping: dict[str, str], no_user: str) -> tuple[Check, ...]:
    user, time = mapping["user"], mapping["time"]
    return (
        Check(condition="user_text is null", reason=no_user, column=user, raw="user_raw"),
        Check(condition="user_id is null", reason="user id is not a whole number", column=user, raw="user_raw"),
        Check(condition="occurred_us is null and time_raw is null", reason="no time", column=time, raw="time_raw"),
        Check(condition="occurred_us is null", reason="unreadable time", column=time, raw="time_raw"),
        Check(
            condition=f"occurred_us < {FIRST_US} or occurred_us >= {END_US}",
            reason="time outside 1971–2099",
            column=time,
            raw="time_raw",
        ),
    )


def _event_checks(mapping: dict[str, str]) -> tuple[Check, ...]:
    checks = list(_common_checks(mapping, "no user"))
    if "event" in mapping:
        checks.append(Check(condition="event is null", reason="no event", column=mapping["event"], raw="event"))
    checks += [
        Check(
            condition=f"{t} is null and {t}_raw is not null",
            reason=f"unreadable {t}",
            column=mapping[t],
            raw=f"{t}_raw",
        )
        for t in ("value", "quantity")
        if t in mapping
    ]
    return tuple(checks)


def _order_checks(mapping: dict[str, str]) -> tuple[Check, ...]:
    invoice, quantity, price = mapping["invoice"], mapping["quantity"], mapping["price"]
    checks = [
        *_common_checks(mapping, "no customer"),
        Check(condition="invoice is null", reason="no invoice", column=invoice, raw="invoice"),
    ]
    for name, column in (("quantity", quantity), ("price", price)):
        checks += [
            Check(condition=f"{name}_raw is null", reason=f"no {name}", column=column, raw=f"{name}_raw"),
            Check(condition=f"{name} is null", reason=f"unreadable {name}", column=column, raw=f"{name}_raw"),
            Check(condition=f"{name} = 0", reason=f"{name} of zero", column=column, raw=f"{name}_raw"),
        ]
    checks.append(Check(condition="price < 0", reason="negative price", column=price, raw="price_raw"))
    return tuple(checks)
