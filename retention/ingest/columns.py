"""Guess which column of a file is which, and say so when a named one is not there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from retention.errors import FileError

# Squashed names (lower case, letters and digits only), best first.
_NAMES: dict[str, tuple[str, ...]] = {
    "user": (
        "userid",
        "customerid",
        "customer",
        "user",
        "uid",
        "clientid",
        "client",
        "memberid",
        "membernumber",
        "member",
        "householdid",
        "household",
        "accountid",
        "account",
        "visitorid",
        "visitor",
        "playerid",
        "masterid",
        "subscriberid",
        "subscriber",
        "buyerid",
        "buyer",
        "shopperid",
        "patronid",
        "personid",
        "contactid",
        "userpseudoid",
        "distinctid",
        "anonymousid",
        "custid",
        "custno",
        "cid",
        "useruuid",
        "username",
        "email",
        "用户",
        "用户id",
        "用户编号",
        "客户",
        "客户编号",
        "会员",
        "会员编号",
    ),
    "time": (
        "occurredat",
        "eventtime",
        "eventtimestamp",
        "timestamp",
        "datetime",
        "eventat",
        "eventdate",
        "eventdatetime",
        "invoicedate",
        "transactiontimestamp",
        "transactiontime",
        "transactiondate",
        "orderdate",
        "ordertime",
        "orderedat",
        "purchasedate",
        "purchasetime",
        "purchasedat",
        "createdat",
        "creationdate",
        "created",
        "time",
        "date",
        "ts",
        "day",
        "at",
        "when",
        "visitdate",
        "sessiondate",
        "logtime",
        "unixtime",
        "originaltimestamp",
        "saledate",
        "时间",
        "日期",
        "下单时间",
        "时间戳",
    ),
    "event": (
        "event",
        "eventname",
        "eventtype",
        "action",
        "activity",
        "actiontype",
        "activitytype",
        "verb",
        "behavior",
        "behaviour",
        "behaviortype",
        "事件",
        "行为",
        "行为类型",
    ),
    "value": (
        "value",
        "amount",
        "revenue",
        "total",
        "dollarvalue",
        "salesvalue",
        "totalamount",
        "totalvalue",
        "amountusd",
        "ordervalue",
        "ordertotal",
        "spent",
        "spend",
        "sales",
        "totalprice",
        "grosstotal",
        "transactionamount",
        "eventvalue",
        "netamount",
        "grossamount",
        "subtotal",
        "price",
        "金额",
        "价格",
    ),
    "item": (
        "itemid",
        "productid",
        "sku",
        "stockcode",
        "item",
        "product",
        "articleid",
        "upc",
        "itemcode",
        "productcode",
        "itemdescription",
        "itemsku",
        "商品",
        "商品id",
        "商品编号",
    ),
    "item_name": (
        "itemname",
        "productname",
        "description",
        "productdescription",
        "itemtitle",
        "productitle",
        "producttitle",
        "itemdescription",
        "商品名称",
    ),
    "category": (
        "category",
        "productcategory",
        "itemcategory",
        "categoryname",
        "department",
        "categoryid",
        "类别",
        "分类",
        "品类",
    ),
    "quantity": ("quantity", "qty", "units", "numberofcds", "cds", "count", "numitems", "itemcount", "pieces", "数量"),
    "text": (
        "review",
        "reviewtext",
        "text",
        "comment",
        "comments",
        "message",
        "feedback",
        "body",
        "searchterm",
        "searchquery",
        "query",
        "note",
        "评论",
        "评价",
        "内容",
    ),
}
_CURRENCY = {"currency", "currencycode", "curr", "ccy", "币种"}
_TIME_LIKE = re.compile(r"^\s*(\d{4}[-/]\d|\d{1,2}[-/. ][A-Za-z\d]{1,3}[-/. ]\d{2}|\d{10}(\d{3}|\d{6})?$)")


def squash(name: str) -> str:
    """Reduce a column's name to what conventions of writing do not change.

    Examples
    --------
    >>> squash("Customer ID") == squash("customer_id") == squash("customerId") == "customerid"
    True
    """
    return re.sub(r"[\W_]+", "", name.casefold())


def snake(name: str) -> str:
    """Write a column's name in lower case with underscores.

    Examples
    --------
    >>> snake("Country"), snake("Ship To Country"), snake("shipCountry")
    ('country', 'ship_to_country', 'ship_country')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\W_]+", "_", spaced).strip("_").casefold()


def guess_mapping(columns: Sequence[str], samples: Sequence[Sequence[str | None]] = ()) -> dict[str, str]:
    """Guess a mapping from the names of the columns, and from their content where names do not tell.

    Parameters
    ----------
    columns : sequence of str
        The header.
    samples : sequence of rows, optional
        Some rows as text; used to find a time when no name says so.

    Returns
    -------
    dict
        Target to column. Columns that are nothing else become ``event:NAME``; a currency is ignored.

    Examples
    --------
    >>> guess_mapping(["Member_number", "Date", "itemDescription", "city"])
    {'user': 'Member_number', 'time': 'Date', 'item': 'itemDescription', 'event:city': 'city'}
    """
    squashed = {column: squash(column) for column in columns}
    guessed: dict[str, str] = {}
    taken: set[str] = set()
    for target, names in _NAMES.items():
        found = next((c for name in names for c in columns if squashed[c] == name and c not in taken), None)
        if found is not None:
            guessed[target] = found
            taken.add(found)
    if "time" not in guessed:
        found = _column_that_holds_times([c for c in columns if c not in taken], columns, samples)
        if found is not None:
            guessed["time"] = found
            taken.add(found)
    if "user" not in guessed:
        found = next(
            (c for c in columns if c not in taken and re.search(r"(user|customer|client|member)", squashed[c])), None
        )
        if found is not None:
            guessed["user"] = found
            taken.add(found)
    for column in columns:
        if column in taken:
            continue
        if squashed[column] in _CURRENCY:
            guessed[f"ignore:{column}"] = column
        else:
            guessed[f"event:{column}"] = column
    return guessed


def _column_that_holds_times(
    candidates: Sequence[str], columns: Sequence[str], samples: Sequence[Sequence[str | None]]
) -> str | None:
    for column in candidates:
        position = columns.index(column)
        values = [row[position] for row in samples if position < len(row) and row[position]]
        if values and all(_TIME_LIKE.match(value or "") for value in values):
            return column
    return None


def complete_mapping(mapping: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    """Check that every mapped column exists, and make an event property of each that is not named.

    Raises
    ------
    FileError
        If a mapped column is not in the file; the nearest name and the columns found are given.
    """
    for target, column in mapping.items():
        if column not in columns:
            raise missing_column(column, columns, role=target)
    named = set(mapping.values())
    completed = {target: column for target, column in mapping.items() if not target.startswith("ignore:")}
    completed |= {f"ignore:{column}": column for t, column in mapping.items() if t.startswith("ignore:")}
    for column in columns:
        if column not in named:
            # A column called like a property that was mapped by hand keeps its values beside it.
            name = column if f"event:{column}" not in completed else f"{column} (column)"
            completed[f"event:{name}"] = column
    return completed


def missing_column(column: str, columns: Sequence[str], *, role: str) -> FileError:
    """Word the refusal of a column that the file does not have."""
    folded = {squash(c): c for c in columns}
    close = get_close_matches(squash(column), list(folded), n=1, cutoff=0.5)
    shown = ", ".join(columns[:20]) + (" …" if len(columns) > 20 else "")
    meant = f'Did you mean "{folded[close[0]]}"? ' if close else ""
    what = f' for "{role}"' if role and not role.startswith(("event:", "user:", "ignore:")) else ""
    return FileError(f'The file has no column "{column}"{what}.', hint=f"{meant}Columns found: {shown}.")


def find_column(columns: Sequence[str], *names: str) -> str | None:
    """Find the first of several spellings among the columns of a file."""
    by_squash = {squash(c): c for c in reversed(columns)}
    return next((by_squash[squash(name)] for name in names if squash(name) in by_squash), None)
