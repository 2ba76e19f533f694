"""What the exports of Segment and of Google Analytics 4 mean, object by object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Flat = dict[str, str]
_SEGMENT_VALUES = ("revenue", "total", "value")
_SEGMENT_ITEMS = ("product_id", "sku")
_SEGMENT_CONTEXT = (
    "device.type",
    "locale",
    "os.name",
    "app.name",
    "app.version",
    "campaign.source",
    "campaign.medium",
    "campaign.name",
    "page.path",
    "library.name",
    "location.country",
    "timezone",
)
GA4_PROPERTIES = ("device.category", "geo.country", "traffic_source.source", "traffic_source.medium", "platform")


def text_of(value: Any) -> str | None:
    """Write a scalar as a file would; null, blanks and containers are nothing."""
    if value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    # Text cannot hold half a surrogate pair, which JSON can spell.
    return str(value).encode("utf-8", errors="replace").decode("utf-8").strip() or None


def at(found: Mapping[str, Any], path: str) -> Any:
    """Follow a dotted path into an object; the path itself may also be one key."""
    if path in found:
        return found[path]
    here: Any = found
    for key in path.split("."):
        if not isinstance(here, Mapping) or key not in here:
            return None
        here = here[key]
    return here


def _first(found: Mapping[str, Any], *paths: str) -> str | None:
    return next((text for path in paths if (text := text_of(at(found, path))) is not None), None)


def _scalars(found: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Flat:
    flat: Flat = {}
    for key, value in found.items():
        name = f"{prefix}{key}".replace("\0", "")
        if isinstance(value, Mapping) and depth < 4:
            flat |= _scalars(value, f"{name}.", depth + 1)
        elif (text := text_of(value)) is not None:
            flat[name] = text
    return flat


def flatten_segment(found: Mapping[str, Any]) -> Flat | str:
    """Read a Segment call: track, page, screen or identify."""
    kind = text_of(found.get("type"))
    if kind not in {"track", "page", "screen", "identify"}:
        return "no type" if kind is None else f'calls of type "{kind[:30]}" are not events'
    properties = found.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    flat: dict[str, str | None] = {
        "user": _first(found, "userId", "anonymousId", "user_id", "anonymous_id"),
        "time": _first(found, "timestamp", "originalTimestamp", "sentAt", "receivedAt"),
        "event": _first(found, "event") if kind == "track" else kind,
        "value": _first(properties, *_SEGMENT_VALUES),
        "quantity": _first(properties, "quantity"),
    }
    products = properties.get("products")
    first = products[0] if isinstance(products, list) and products and isinstance(products[0], Mapping) else {}
    for target, keys in (
        ("item", _SEGMENT_ITEMS),
        ("item_name", ("product_name", "name")),
        ("category", ("category",)),
    ):
        flat[target] = _first(properties, *keys) or _first(first, *keys)
    if kind in {"page", "screen"}:
        flat["item_name"] = None
        flat["event:name"] = _first(found, "name")
    named = {"quantity", *_SEGMENT_VALUES, *_SEGMENT_ITEMS, "category"}
    flat |= {f"event:{k}": v for k, v in _scalars(properties).items() if k not in named}
    for path in _SEGMENT_CONTEXT:
        flat[f"event:context.{path}"] = text_of(at(found, f"context.{path}"))
    if kind == "identify" and isinstance(found.get("traits"), Mapping):
        flat |= {f"user:{k}": v for k, v in _scalars(found["traits"]).items()}
    return {k: v for k, v in flat.items() if v is not None}


def flatten_ga4(found: Mapping[str, Any]) -> Flat | str:
    """Read a row of the BigQuery export of Google Analytics 4."""
    if "event_timestamp" not in found or "event_name" not in found:
        return "no event_timestamp or event_name"
    items = found.get("items")
    item = items[0] if isinstance(items, list) and items and isinstance(items[0], Mapping) else {}
    flat: dict[str, str | None] = {
        "user": _first(found, "user_id", "user_pseudo_id"),
        "time": _first(found, "event_timestamp"),
        "event": _first(found, "event_name"),
        "value": _first(found, "event_value_in_usd", "ecommerce.purchase_revenue"),
        "item": _first(item, "item_id"),
        "item_name": _first(item, "item_name"),
        "category": _first(item, "item_category"),
        "quantity": _first(item, "quantity"),
    }
    flat |= {f"event:{path}": text_of(at(found, path)) for path in GA4_PROPERTIES}
    return {k: v for k, v in flat.items() if v is not None}
