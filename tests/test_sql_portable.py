"""The portable subset of SQL: one text that gives the same rows on DuckDB, ClickHouse, Spark and Postgres.

What is not known to be portable is refused: `PORTABLE` lists every construct a query may be made of.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

PORTABLE = {
    # the shape of a query
    exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit,
    exp.Offset, exp.With, exp.CTE, exp.Subquery, exp.Union, exp.Except, exp.Intersect, exp.Distinct,
    exp.Table, exp.TableAlias, exp.Alias, exp.Column, exp.Identifier, exp.Star, exp.Paren,
    # values
    exp.Literal, exp.Null, exp.Boolean, exp.Placeholder, exp.Cast, exp.DataType,
    # conditions
    exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between,
    exp.Exists, exp.Case, exp.If, exp.Coalesce,
    # whole numbers
    exp.Add, exp.Sub, exp.Mul, exp.IntDiv, exp.Mod, exp.Neg, exp.BitwiseAnd, exp.BitwiseOr, exp.Abs,
    exp.Greatest, exp.Least,
    # aggregates and windows
    exp.Count, exp.Sum, exp.Min, exp.Max, exp.Window, exp.WindowSpec, exp.RowNumber, exp.Rank, exp.DenseRank,
    exp.Lag, exp.Lead,
}  # fmt: skip
WHOLE_NUMBERS = {exp.DType.INT, exp.DType.BIGINT, exp.DType.SMALLINT, exp.DType.TINYINT}
AS_WRITTEN_INSTEAD = {
    "`/`": ("integers are divided with `//`, rates are made after the engine", {exp.Div}),
    "filter (where …)": ("write `case when` inside the aggregate", {exp.Filter}),
    "a value of some row": (
        "`row_number()` says which row is meant",
        {exp.AnyValue, exp.First, exp.Last, exp.FirstValue, exp.LastValue, exp.ArgMin, exp.ArgMax,
         exp.IgnoreNulls},
    ),
    "a statistic": (
        "engines return whole numbers, statistics are made after them",
        {exp.Avg, exp.Median, exp.PercentileCont, exp.PercentileDisc, exp.Quantile, exp.ApproxQuantile,
         exp.Mode, exp.Stddev, exp.Variance, exp.ApproxDistinct},
    ),
    "a time zone": ("the local day is fixed at import", {exp.AtTimeZone, exp.ConvertTimezone}),
    "qualify": ("filter on the window's column one select further out", {exp.Qualify}),
}  # fmt: skip


def portability_faults(text: str) -> list[str]:
    """Return each reason why a text is not in the portable subset; none when it is.

    Parameters
    ----------
    text : str
        One select, in DuckDB's dialect, its values bound as ``$name``.
    """
    try:
        [tree] = sqlglot.parse(text, dialect="duckdb")
    except (SqlglotError, ValueError) as error:
        return [f"not one statement that can be read: {str(error).splitlines()[0]}"]
    if not isinstance(tree, exp.Query):
        return ["not a select"]
    # What is refused is named once, not again for each of its parts.
    nodes = tree.walk(prune=lambda node: type(node) not in PORTABLE or _has_distinct_on(node))
    return list(dict.fromkeys(fault for node in nodes for fault in _faults_of(node)))


def _faults_of(node: exp.Expression) -> Iterator[str]:
    if type(node) not in PORTABLE:
        called = str(node.this) if isinstance(node, exp.Anonymous) else node.key
        known = (f"{name}: {why}" for name, (why, kinds) in AS_WRITTEN_INSTEAD.items() if type(node) in kinds)
        yield next(known, f"`{called}` is not in the portable subset")
    elif isinstance(node, exp.Select):
        yield from _faults_of_names(node)
    elif _has_distinct_on(node):
        yield "distinct on: `row_number()` says which row is meant"
    elif isinstance(node, exp.Group):
        if any(value for name, value in node.args.items() if name != "expressions"):
            yield "group by all: name the columns"
        if any(isinstance(key, exp.Literal) for key in node.expressions):
            yield "group by a position: name the columns"
    elif isinstance(node, exp.Ordered) and isinstance(node.this, exp.Literal):
        yield "order by a position: name the columns"
    elif isinstance(node, (exp.Lag, exp.Lead)) and node.args.get("default") is None:
        # ClickHouse answers 0 where there is no such row, the others NULL.
        yield "lag and lead without a default: use `row_number()`, or name the default"
    elif isinstance(node, exp.DataType) and node.this not in WHOLE_NUMBERS:
        yield f"the type {node.this.value}: engines return whole numbers"
    elif isinstance(node, exp.Join):
        if node.args.get("using") or node.args.get("method"):
            yield "join by using, natural, asof, positional: write `on`"
        if node.kind in ("SEMI", "ANTI"):
            yield "semi and anti joins: write `in` or `exists`"
    elif isinstance(node, exp.Union) and node.args.get("by_name"):
        yield "union by name: write the columns in one order"
    elif isinstance(node, exp.CTE) and node.args.get("materialized") is not None:
        yield "materialized: leave the plan to the engine"


def _faults_of_names(select: exp.Select) -> Iterator[str]:
    columns = [c for c in select.find_all(exp.Column) if c.parent_select is select]
    qualified = {c.name for c in columns if c.table}
    given = {e.alias: e.this for e in select.expressions if isinstance(e, exp.Alias)}
    for column in columns:
        if column.table or isinstance(column.this, exp.Star):
            continue
        place = column.find_ancestor(exp.Order, exp.Group, exp.Window, exp.Select)
        # `order by` may use the name that the select gives; so may `group by`, unless a source has it too.
        if column.name in given and isinstance(place, exp.Order):
            continue
        if column.name in given and isinstance(place, exp.Group) and column.name not in qualified:
            continue
        meant = given.get(column.name, column)
        if not (isinstance(meant, exp.Column) and meant.name == column.name):
            yield f"`{column.name}` is an alias and a column of another meaning: rename the alias, or qualify"
        elif _is_joined(select):
            yield f"`{column.name}` is not qualified, and the select sees more than one table"


def _is_joined(select: exp.Select) -> bool:
    """Say whether a bare name could come from more than one table, a surrounding select's included."""
    if select.args.get("joins"):
        return True
    outer = select.find_ancestor(exp.Exists, exp.In, exp.From, exp.Join, exp.CTE, exp.Union, exp.Select)
    return isinstance(outer, (exp.Exists, exp.In, exp.Select))


def _has_distinct_on(node: exp.Expression) -> bool:
    return isinstance(node, exp.Distinct) and node.args.get("on") is not None


@pytest.mark.parametrize("text", [
    "select s.user_key, s.cohort, r.period - s.cohort as age from starts as s join returns as r"
    " on r.user_key = s.user_key and (r.at > s.at or (r.at = s.at and r.event_key <> s.event_key))"
    " where r.period - s.cohort between 0 and $horizon group by s.user_key, s.cohort, r.period - s.cohort",
    "select cohort, grp, age, count(*) as n_hits from hits group by cohort, grp, age order by cohort, age",
    "select ((e.day + 3) // 7) as week, count(distinct e.u) as n from e group by week order by week",
    "select d.u, sum(case when d.ev_mask & $mask <> 0 then d.n else 0 end) as n from user_day as d"
    " left join tags as t on t.u = d.u where t.u is null group by d.u having sum(d.n) >= 2",
    "with a as (select u, row_number() over (partition by u order by at, event_key) as place from events)"
    " select a.u from a where a.place = 1 union all select u.u from users as u where not u.is_gone",
    "select e.u, lag(e.day, 1, -400) over (partition by e.u order by e.day) as prev_day from e",
    "select k from users where k in (select e.k from events as e where e.kind = 'buy')",
    "select cast(sum(v.cents) as bigint) as total from v where exists (select 1 from u where u.k = v.k)",
    "select coalesce(least(v.a, v.b), greatest(v.a, 0), abs(v.b % 7)) as n from v limit 10",
])  # fmt: skip
def test_a_text_in_the_subset_has_no_fault(text):
    assert portability_faults(text) == []


@pytest.mark.parametrize(("text", "fault"), [
    ("select day, count(*) as n from t group by 1", "group by a position"),
    ("select day, count(*) as n from t group by all", "group by all"),
    ("select day, count(*) as n from t group by rollup (day)", "`rollup` is not"),
    ("select day from t order by 1", "order by a position"),
    ("select count(*) filter (where t.a > 1) as n from t", "filter (where"),
    ("select arg_min(t.a, t.b) as x from t", "a value of some row"),
    ("select first(t.a) as x from t", "a value of some row"),
    ("select first_value(t.a) over (order by t.b) as x from t", "a value of some row"),
    ("select any_value(t.a) as x from t", "a value of some row"),
    ("select t.a / t.b as x from t", "`/`"),
    ("select avg(t.a) as x from t", "a statistic"),
    ("select median(t.a) as x from t", "a statistic"),
    ("select quantile_cont(t.a, 0.5) as x from t", "a statistic"),
    ("select hash(t.a) as x from t", "`hash` is not"),
    ("select md5(t.a) as x from t", "`md5` is not"),
    ("select json_extract(t.a, '$.b') as x from t", "is not in the portable subset"),
    ("select t.a ->> 'b' as x from t", "is not in the portable subset"),
    ("select t.a at time zone 'UTC' as x from t", "a time zone"),
    ("select timezone('UTC', t.a) as x from t", "is not in the portable subset"),
    ("select date_trunc('week', t.a) as x from t", "is not in the portable subset"),
    ("select cast(t.a as timestamp) as x from t", "the type TIMESTAMP"),
    ("select t.a::varchar as x from t", "the type TEXT"),
    ("select lag(t.a) over (order by t.b) is null as x from t", "lag and lead without a default"),
    ("select lead(t.a) over (order by t.b) as x from t", "lag and lead without a default"),
    ("select t.a from t qualify row_number() over (partition by t.a order by t.b) = 1", "qualify"),
    ("select [t.a, t.b] as x from t", "`array` is not"),
    ("select list(t.a) as x from t", "is not in the portable subset"),
    ("select {'a': t.a} as x from t", "`struct` is not"),
    ("select unnest(t.a) as x from t", "is not in the portable subset"),
    ("select printf('%d', t.a) as x from t", "is not in the portable subset"),
    ("select t.a || 'x' as x from t", "`dpipe` is not"),
    ("select strftime(t.a, '%Y') as x from t", "is not in the portable subset"),
    ("select x.a from generate_series(1, 3) as x(a)", "is not in the portable subset"),
    ("select distinct on (t.a) t.a, t.b from t", "distinct on"),
    ("select t.a from t semi join u on u.a = t.a", "semi and anti joins"),
    ("select t.b from t join u using (a)", "write `on`"),
    ("select t.b from t asof join u on u.a >= t.a", "write `on`"),
    ("select t.a from t union all by name select u.a from u", "union by name"),
    ("with x as materialized (select t.a from t) select x.a from x", "materialized"),
    ("select cohort from s join r on r.k = s.k", "`cohort` is not qualified"),
    ("select s.a from s join r on r.k = s.k where at > 3", "`at` is not qualified"),
    ("select s.a from s where exists (select 1 from r where k = s.k)", "`k` is not qualified"),
    # ClickHouse puts the alias in the column's place: an aggregate inside an aggregate, a window of a window.
    ("select u, sum(n) as n, max(n) as m from t group by u", "`n` is an alias and a column"),
    ("select day - 5 as day, count(*) as c from t group by day - 5", "`day` is an alias and a column"),
    ("select t.day - 5 as day, count(*) as c from t group by day", "`day` is an alias and a column"),
    ("select t.a - t.b as age, age + 1 as next_age from t", "`age` is an alias and a column"),
    ("select from where", "not one statement"),
    ("select 1 as a; select 2 as a", "not one statement"),
    ("delete from t", "not a select"),
])  # fmt: skip
def test_each_construct_outside_the_subset_is_named(text, fault):
    [found] = portability_faults(text)
    assert fault in found
