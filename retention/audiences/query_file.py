"""What a file says of the users of a list."""

from __future__ import annotations

from retention.store.sql import Sql

LAST_KEY = 2**31 - 1


def exported(low: int, high: int) -> Sql:
    """One row per user of the list that an order is writing out, from one key to another."""
    return Sql(
        "select e.user_key from exported as e where e.user_key between $low and $high", {"low": low, "high": high}
    )


def end_of_part(after: int, n: int) -> Sql:
    """One row: the last key of the next so many users of that list; null after its end."""
    return Sql(
        """select max(p.user_key) as last from (
    select e.user_key from exported as e where e.user_key > $after order by e.user_key limit $n
) as p""",
        {"after": after, "n": n},
    )


def audience(audience_id: int) -> Sql:
    """One row where there is such a list: what it is called, what made it, and the scores that stood then."""
    return Sql(
        "select a.name, a.definition, a.scoring_key from audiences as a where a.audience_id = $audience",
        {"audience": audience_id},
    )


def groups(campaign_id: int | None) -> Sql:
    """One row per user of a campaign, or without one of any that is running: user_key, campaign_id, arm_key, reason.

    Notes
    -----
    A user is in one running campaign at a time; should there be more, the newest is named.
    """
    if campaign_id is not None:
        return Sql(
            """select e.user_key, e.campaign_id, e.arm_key, e.reason from exposures as e
where e.campaign_id = $campaign and e.user_key in (select m.user_key from members as m)""",
            {"campaign": campaign_id},
        )
    return Sql(
        """select r.user_key, r.campaign_id, r.arm_key, r.reason from (
    select e.user_key, e.campaign_id, e.arm_key, e.reason,
        row_number() over (partition by e.user_key order by e.campaign_id desc) as nth
    from exposures as e join campaigns as c on c.campaign_id = e.campaign_id
    where c.is_running and e.user_key in (select m.user_key from members as m)
) as r
where r.nth = 1"""
    )


def member_rows(members: Sql, *, campaign_id: int | None, scoring_key: int | None, has_ids: bool) -> Sql:
    """One row per member for a file, in the order in which they came.

    Columns: user_key, (user_id), pseudonym, first_us, last_us, n_events, campaign_id, arm_key, reason (of the campaign),
    (probability of lapsing).

    Parameters
    ----------
    campaign_id : int, optional
        Whose groups are named; by default those of the campaign that a user is in now.
    scoring_key : int, optional
    has_ids : bool
        With the ids of the file; only for the owner's exports, which are audited.
    """
    columns, joins, params = "", "", {}
    if has_ids:
        columns += ", i.user_id"
        joins += "\njoin ids as i on i.user_key = u.user_key"
    if scoring_key is not None:
        columns += ", p.probability"
        joins += "\nleft join scores as p on p.user_key = u.user_key"
        params["scoring"] = scoring_key
    parts = {"members": members, "campaign_groups": groups(campaign_id)}
    # Each is cut to the members first, so that no join holds all users.
    if has_ids:
        parts["ids"] = Sql(
            "select x.user_key, x.user_id from identities as x where x.user_key in (select m.user_key from members as m)"
        )
    if scoring_key is not None:
        parts["scores"] = Sql(
            "select s.user_key, s.probability from user_scores as s"
            " where s.scoring_key = $scoring and s.user_key in (select m.user_key from members as m)"
        )
    return Sql.ctes(**parts).select(
        f"""
select u.user_key, u.pseudonym, u.first_us, u.last_us, u.n_events, g.campaign_id, g.arm_key, g.reason{columns}
from users as u
join members as m on m.user_key = u.user_key
left join campaign_groups as g on g.user_key = u.user_key{joins}
order by u.user_key""",
        **params,
    )
