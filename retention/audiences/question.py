"""A frozen definition as plain JSON and back, by the types that its fields declare."""

from __future__ import annotations

import json
import types
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from retention.errors import SpecError

KIND, SETTINGS = "kind", "settings"


def told(spec: Any) -> str:
    """Write a definition down as JSON: what kind it is, and its settings.

    Raises
    ------
    TypeError
        If it holds something that JSON has no form for.
    """
    return json.dumps(_named(spec), ensure_ascii=False, sort_keys=True)


def _named(spec: Any) -> dict[str, Any]:
    kind: type = type(spec)
    hints = _hints(kind)
    return {
        KIND: kind.__name__,
        SETTINGS: {name: _plain(getattr(spec, name), is_named=hint is Any) for name, hint in hints.items()},
    }


def _plain(value: Any, *, is_named: bool = False) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, date):  # and moments
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if is_named:  # the field takes any definition, so its kind must be said
        return _named(value)
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def understood(text: str, kinds: Iterable[type]) -> Any:
    """Read what `told` wrote, or what earlier versions did.

    Parameters
    ----------
    kinds : iterable of type
        Every kind of definition there is.

    Raises
    ------
    SpecError
        If it is of a kind that is not known any more, or its settings are not.
    """
    known = {kind.__name__: kind for kind in kinds}
    try:
        return _read_named(json.loads(text), known)
    except (TypeError, ValueError, KeyError) as error:  # what is not JSON, and settings of another version
        raise SpecError("This list's definition is written in a way that is not understood any more.") from error


def _read_named(content: Mapping[str, Any], known: Mapping[str, type]) -> Any:
    if SETTINGS in content:
        name, settings = content[KIND], content[SETTINGS]
    else:
        name, settings = _of_earlier_versions(content, known)
    if name not in known:
        raise SpecError("This list is of a kind that is not known any more.", hint="Save it again from its page.")
    return _read_fields(settings, known[name], known)


def _of_earlier_versions(content: Mapping[str, Any], known: Mapping[str, type]) -> tuple[str, Mapping[str, Any]]:
    """Read a definition whose settings stand beside its kind; a setting that was called so, too, stands in its place."""
    name = str(content[KIND])
    if name in known:
        return name, {key: value for key, value in content.items() if key != KIND}
    alike = [kind for kind, of in known.items() if set(_hints(of)) == set(content)]
    return (alike[0] if len(alike) == 1 else name), content


def _read_fields(settings: Mapping[str, Any], kind: type, known: Mapping[str, type]) -> Any:
    if not isinstance(settings, Mapping):
        raise TypeError(f"the settings of a definition are {settings!r}")
    hints = _hints(kind)
    return kind(**{name: _read(value, hints[name], known) for name, value in settings.items()})


def _read(value: Any, hint: Any, known: Mapping[str, type]) -> Any:
    if hint is Any:
        return _read_named(value, known) if isinstance(value, dict) else value
    if get_origin(hint) in (Union, types.UnionType):
        if value is None:
            return None
        options = [option for option in get_args(hint) if option is not type(None)]
        if options == [date, datetime] or options == [datetime, date]:
            return date.fromisoformat(value) if len(value) == len("2026-01-31") else datetime.fromisoformat(value)
        (only,) = options
        return _read(value, only, known)
    if get_origin(hint) is tuple:
        parts = get_args(hint)
        if parts[-1] is Ellipsis:
            return tuple(_read(part, parts[0], known) for part in value)
        return tuple(_read(part, of, known) for part, of in zip(value, parts, strict=True))
    if get_origin(hint) is Literal or hint in (str, bool, int):
        return value
    if hint is float:
        return float(value)
    if hint in (date, datetime):
        return hint.fromisoformat(value)
    if isinstance(hint, type) and is_dataclass(hint):
        return _read_fields(value, hint, known)
    raise TypeError(f"a definition holds {hint}, which JSON has no form for")


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}  # type: ignore[arg-type]
