"""Answers about users who have been quiet for longer than ever."""

from __future__ import annotations

from retention.headlines import query, query_duckdb
from retention.headlines.quiet import QuietUsers, quiet_definition
from retention.headlines.spec import QuietSpec
from retention.store import Catalogue, Snapshot, Sql, Store


def quiet_users(store: Store, spec: QuietSpec) -> QuietUsers:
    """Who has been quiet for longer than ever before, and what did they spend in the last year?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        row = snapshot.read(query_duckdb.quiet_value(spec, catalogue)).iloc[0]
        ((n_orders,),) = snapshot.rows("select count(*) from (select 1 from user_orders as o limit 1) as one")
        return QuietUsers(
            spec=spec,
            as_of_us=clock.as_of_us,
            timezone=clock.timezone,
            data_version=catalogue.data_version,
            churn_window=int(catalogue.settings.churn_window),
            n_users=int(row["n"]),
            n_buyers=int(row["n_buyers"]),
            net=float(row["net"]) if n_orders else None,
        )


def members(snapshot: Snapshot, spec: QuietSpec) -> Sql:
    """Who are they? One row a user."""
    return query.quiet_users(spec, snapshot.catalogue)


def words(spec: QuietSpec, catalogue: Catalogue) -> str:
    """What does the list hold?"""
    return quiet_definition(spec, int(catalogue.settings.churn_window))
