"""Assign a campaign: write down who gets what and who is held out, before anything is sent."""

from __future__ import annotations

import json
import secrets
import time

from retention.audiences.answer_lists import lists_in
from retention.audiences.answer_sources import question_of, words_of
from retention.churn.answer_scores import latest_scoring
from retention.errors import SpecError
from retention.interventions.answer_campaigns import Campaign, arms_told, assignment, campaign_at, plan_kept
from retention.interventions.spec import CampaignSpec
from retention.periods import date_of, day_number, midnight_us
from retention.store import Store, Transaction
from retention.store.audit import record

KEY_BYTES = 16


def assign(store: Store, spec: CampaignSpec) -> Campaign:
    """Divide users over the arms of a campaign and its holdout; nothing is sent by us.

    Raises
    ------
    SpecError
        If the name is taken, nobody is eligible, users are in another running campaign, or the day has passed.
    """
    scoring = latest_scoring(store)

    def write(tx: Transaction) -> Campaign:
        name, clock = spec.name.strip(), tx.catalogue.require_clock()
        if tx.rows("select 1 from campaigns as c where c.name = $name", {"name": name}):
            raise SpecError(f'There is a campaign "{name}" already.', hint="Choose another name.")
        exposed_us = clock.as_of_us
        if spec.exposed_on is not None:
            exposed_us = midnight_us(day_number(spec.exposed_on), clock.timezone)
            if day_number(spec.exposed_on) < clock.as_of_day:
                raise SpecError(
                    f"A campaign must be assigned before its outcomes are known: not on {spec.exposed_on:%-d %B %Y}, for the"
                    f" data reach {date_of(clock.as_of_day):%-d %B %Y}.",
                    hint="Choose that day or a later one.",
                )
            exposed_us = max(exposed_us, clock.as_of_us)
        key = secrets.token_hex(KEY_BYTES)
        rows = assignment(tx, spec, key)
        ((campaign_id,),) = tx.rows("select coalesce(max(c.campaign_id), 0) + 1 from campaigns as c")
        reason = words_of(spec.users, tx.catalogue)
        lists = lists_in(spec.users)  # also behind whoever is left alone
        tx.run(
            "insert into campaigns values ($campaign, $name, $key, $audience, $definition, $question, $arms, $plan, $holdout,"
            " $window, $exposed, $as_of, $data_version, $scoring, $n, true, $made, null)",
            {
                "campaign": campaign_id,
                "name": name,
                "key": key,
                "audience": lists[0] if len(lists) == 1 else None,
                "definition": reason,
                "question": question_of(spec.users),
                "arms": arms_told(spec.arms),
                "plan": json.dumps(plan_kept(spec), default=str, sort_keys=True),
                "holdout": spec.holdout,
                "window": spec.window_days,
                "exposed": exposed_us,
                "as_of": clock.as_of_us,
                "data_version": tx.catalogue.data_version,
                "scoring": None if scoring is None else scoring.scoring_key,
                "n": len(rows),
                "made": time.time_ns() // 1000,
            },
        )
        tx.cursor.register("assigned", rows)
        tx.run(
            "insert into exposures select $campaign, a.user_key, a.arm_key, $exposed, a.propensity, $reason from assigned as a",
            {"campaign": campaign_id, "exposed": exposed_us, "reason": reason},
        )
        tx.cursor.unregister("assigned")
        n_held = int((rows["arm_key"] == 0).sum())
        record(tx, "assign campaign", {"name": name, "definition": reason, "held_out": n_held}, n_rows=len(rows))
        return campaign_at(tx, campaign_id)

    return store.write(write)


def end_campaign(store: Store, campaign_id: int) -> None:
    """End a campaign: its users may be in others again; its exposures stay, for they are what is read back."""

    def end(tx: Transaction) -> None:
        n = tx.count(
            "update campaigns set is_running = false, ended_us = $now where campaign_id = $campaign and is_running",
            {"campaign": campaign_id, "now": time.time_ns() // 1000},
        )
        if not n:
            raise SpecError("This campaign is not running.", hint="Choose one that is.")
        record(tx, "end campaign", {"campaign_id": campaign_id})

    store.write(end)
