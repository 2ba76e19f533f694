"""Keep an intervention as the owner's own, and forget one."""

from __future__ import annotations

import time

from retention.errors import SpecError
from retention.interventions.answer_catalogue import settings_text
from retention.interventions.spec import Intervention
from retention.store import Store, Transaction
from retention.store.audit import record


def save_interventions(store: Store, wanted: tuple[Intervention, ...]) -> tuple[str, ...]:
    """Keep interventions as the owner's own, and return their names; one of the same name gives way."""

    def save(tx: Transaction) -> tuple[str, ...]:
        for one in wanted:
            name = one.name.strip()
            tx.run("delete from interventions where name = $name", {"name": name})
            tx.run(
                "insert into interventions values ($name, $settings, $saved)",
                {"name": name, "settings": settings_text(one), "saved": time.time_ns() // 1000},
            )
            record(tx, "save intervention", {"name": name})
        return tuple(one.name.strip() for one in wanted)

    return store.write(save)


def delete_intervention(store: Store, name: str) -> str:
    """Forget an intervention of the owner's, and return its name; where it stood for one of the catalogue, that one is back.

    Raises
    ------
    SpecError
        If the owner has none of this name.
    """

    def delete(tx: Transaction) -> str:
        if not tx.count("delete from interventions where name = $name", {"name": name.strip()}):
            raise SpecError(f'You have saved no intervention "{name}".', hint="Those of the catalogue cannot be deleted.")
        record(tx, "delete intervention", {"name": name.strip()})
        return name.strip()

    return store.write(delete)
