"""Questions about lists that are made of lists, of campaigns, and of other definitions, as SQL."""

from __future__ import annotations

import re
from collections.abc import Sequence

from retention.audiences.spec import CampaignUsersSpec, ChangedUsersSpec, CombinedUsersSpec
from retention.store.sql import Sql, any_of

DAY_US = 86_400_000_000


def apart(select: Sql, name: str) -> Sql:
    """Shut a select off: one whose own names and values cannot meet those of another.

    Examples
    --------
    >>> print(apart(Sql("select u.user_key from users as u where u.first_us > $since", {"since": 0}), "a"))
    select a.user_key from (
    select u.user_key from users as u where u.first_us > $a__since
    ) as a
    """
    text = re.sub(r"\$(\w+)", rf"${name}__\1", select.text)
    params = {f"{name}__{key}": value for key, value in select.params.items()}
    return Sql(f"select {name}.user_key from (\n{text}\n) as {name}", params)


def nobody() -> Sql:
    """No row."""
    return Sql("select u.user_key from users as u where 1 = 0")


def saved_members(audience_id: int) -> Sql:
    """One row per user of a saved list."""
    return Sql("select l.user_key from audience_members as l where l.audience_id = $audience", {"audience": audience_id})


def combined(spec: CombinedUsersSpec) -> Sql:
    """One row per user who is on all of some lists, on any of others and on none of the rest."""
    params: dict[str, object] = {}

    def on(audience_id: int, place: str) -> str:
        params[place] = audience_id
        return f"select l.user_key from audience_members as l where l.audience_id = ${place}"

    texts = []
    if spec.all_of:
        first, *others = spec.all_of
        base = on(first, "all_0")
    else:
        others = []
        is_any, more = any_of("l.audience_id", "any", spec.any_of)
        params |= more
        base = f"select l.user_key from audience_members as l where {is_any} group by l.user_key"
    for number, audience_id in enumerate(others, start=1):
        texts.append(f"m.user_key in ({on(audience_id, f'all_{number}')})")
    if spec.all_of and spec.any_of:
        is_any, more = any_of("l.audience_id", "any", spec.any_of)
        params |= more
        texts.append(f"m.user_key in (select l.user_key from audience_members as l where {is_any})")
    for number, audience_id in enumerate(spec.none_of):
        texts.append(f"m.user_key not in ({on(audience_id, f'none_{number}')})")
    conditions = f"\nwhere {' and '.join(texts)}" if texts else ""
    return Sql(f"select m.user_key from ({base}) as m{conditions}", params)


def campaign_members(spec: CampaignUsersSpec) -> Sql:
    """One row per user of a campaign or of one of its groups."""
    params: dict[str, object] = {"campaign": spec.campaign_id}
    is_arm = ""
    if spec.arm_key is not None:
        is_arm, params["arm"] = " and e.arm_key = $arm", spec.arm_key
    return Sql(f"select e.user_key from exposures as e where e.campaign_id = $campaign{is_arm}", params)


def changed_members(spec: ChangedUsersSpec) -> Sql:
    """One row per user who joined, or left, a list at one of its refreshes."""
    return Sql(
        "select c.user_key from audience_changes as c"
        " where c.audience_id = $audience and c.made_us = $made and c.has_joined = $has_joined",
        {"audience": spec.audience_id, "made": spec.made_us, "has_joined": spec.has_joined},
    )


def exposed_since(as_of_us: int, days: int) -> Sql:
    """One row per user whom a campaign of ours is to contact, or has, since so many days before the data end."""
    return Sql(
        """select e.user_key from exposures as e
where e.arm_key > 0 and e.exposed_us >= $exposed_since
group by e.user_key""",
        {"exposed_since": as_of_us - days * DAY_US},
    )


def in_running_campaigns() -> Sql:
    """One row per user of a campaign that is running, held out or not."""
    return Sql(
        """select e.user_key from exposures as e
where e.campaign_id in (select c.campaign_id from campaigns as c where c.is_running)
group by e.user_key"""
    )


def running_campaigns_of(members: Sql) -> Sql:
    """One row per running campaign that has some of the members: its name, and how many."""
    base = apart(members, "base")
    return Sql(
        f"""select c.name, count(*) as n
from campaigns as c
join exposures as e on e.campaign_id = c.campaign_id
where c.is_running and e.user_key in (
{base.text}
)
group by c.name order by n desc, c.name""",
        base.params,
    )


def suppressed(members: Sql, only: Sequence[Sql], without: Sequence[Sql]) -> Sql:
    """One row per user of a definition who is among those of each of some selects, and of none of the others."""
    base = apart(members, "base")
    params = dict(base.params)
    texts = []
    for word, several in (("in", only), ("not in", without)):
        for number, select in enumerate(several):
            part = apart(select, f"{'only' if word == 'in' else 'less'}_{number}")
            params |= part.params
            texts.append(f"m.user_key {word} (\n{part.text}\n)")
    conditions = f"\nwhere {' and '.join(texts)}" if texts else ""
    return Sql(f"select m.user_key from (\n{base.text}\n) as m{conditions}", params)
