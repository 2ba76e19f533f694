"""Who gets which arm for a budget: the most expected net value that the money buys.

Each user gets one arm or none. What is best for one budget after another is laid out once; a budget is then a place in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import SpecError
from retention.interventions.catalogue import Measured
from retention.interventions.effects import Uplift, uplift_of
from retention.interventions.people import Floats, Ints, People
from retention.interventions.spec import Arm
from retention.interventions.spec_preview import Terms

CHUNK = 8_192
"""Users whose arms are compared at once: what the processor's cache holds."""
LEAST = 1e-12
"""Less money than this is none."""
MOST_POINTS = 200
FILLED = 2_000
"""Steps after the first that is too dear among which cheaper ones are looked for."""
SURE_GAP = 1e-3
BEYOND = 1.15


@dataclass(frozen=True, slots=True)
class Allocation:
    """Who gets what for a budget; money is expected, not certain.

    Attributes
    ----------
    budget : float
    n_of_arm : tuple of int
        Users who are given each arm, those who will be held out of it among them.
    n_worthless : int
        Users for whom no arm is worth its cost.
    n_beyond : int
        Users for whom one is, and the money is not there.
    cost, net, extra : float
        Of those who will be contacted: money, money, and users who stay because of it.
    bound : float
        The net of the linear program in which a user may get a part of an arm: nobody can do better.
    gap : float
        By which share of the bound the net may be below the best there is.
    marginal : float
        Net that one more unit of money would bring; 0 where no more is worth spending.
    """

    budget: float
    n_of_arm: tuple[int, ...]
    n_worthless: int
    n_beyond: int
    cost: float
    net: float
    extra: float
    bound: float
    gap: float
    marginal: float

    @property
    def n_chosen(self) -> int:
        """Users who are given an arm."""
        return sum(self.n_of_arm)


@dataclass(frozen=True, slots=True)
class Optimum:
    """Every step from no money to as much as is worth spending, the one that brings the most for its money first.

    Attributes
    ----------
    people : People
    arms : tuple of Arm
    terms : Terms
    user, arm : ndarray of int, shape (n_steps,)
        Whose arm becomes which one, as places in `people` and `arms`; a user's steps come in order.
    own_cost, own_net, own_extra : ndarray, shape (n_steps,)
        Of that user with that arm, expected.
    slope : ndarray, shape (n_steps,)
        Net per cost of the step.
    cost, net, extra : ndarray, shape (n_steps + 1,)
        Of everybody after the first 0, 1, 2 … steps.
    n_chosen : ndarray of int, shape (n_steps + 1,)
        Users with an arm then.
    """

    people: People
    arms: tuple[Arm, ...]
    terms: Terms
    user: NDArray[np.int32]
    arm: NDArray[np.int8]
    own_cost: Floats
    own_net: Floats
    own_extra: Floats
    slope: Floats
    cost: Floats
    net: Floats
    extra: Floats
    n_chosen: Ints

    @property
    def stops_paying(self) -> float:
        """The budget beyond which more money brings nothing."""
        return float(self.cost[-1])

    @property
    def n_worthwhile(self) -> int:
        """Users for whom some arm is worth its cost."""
        return int(self.n_chosen[-1])

    def _place(self, budget: float) -> int:
        """Count the steps from the first on that the money pays for; what rounding adds to a sum is no reason."""
        return int(np.searchsorted(self.cost, budget + 1e-9 * max(budget, 1.0), side="right")) - 1

    def _more(self, n_steps: int, left: float) -> list[int]:
        """List further steps that what is left pays for, where the user's earlier ones are taken."""
        found: list[int] = []
        end = min(n_steps + FILLED, len(self.user))
        delta, skipped = np.diff(self.cost[n_steps : end + 1]), set()
        for step, price in zip(range(n_steps, end), delta.tolist(), strict=True):
            one = int(self.user[step])
            if one in skipped or price > left:
                skipped.add(one)
                continue
            found.append(step)
            left -= price
        return found

    def _solved(self, budget: float) -> tuple[NDArray[np.int8], float, float, float, int]:
        n_steps = self._place(budget)
        more = self._more(n_steps, budget - float(self.cost[n_steps]))
        taken = np.append(np.arange(n_steps), np.array(more, dtype=np.int64))
        chosen = np.zeros(self.people.n_users, dtype=np.int8)
        chosen[self.user[taken]] = self.arm[taken] + 1  # of repeated places the last counts
        cost, net, extra = (
            float(of[n_steps] + sum(of[i + 1] - of[i] for i in more)) for of in (self.cost, self.net, self.extra)
        )
        bound = self._bound(budget, n_steps)
        if bound - net > SURE_GAP * bound:  # few users: one dear step may be worth more than all before it
            is_payable = self.own_cost <= budget
            best = int(np.argmax(np.where(is_payable, self.own_net, -np.inf))) if is_payable.any() else -1
            if best >= 0 and self.own_net[best] > net:
                chosen[:] = 0
                chosen[self.user[best]] = self.arm[best] + 1
                cost, net, extra = (float(of[best]) for of in (self.own_cost, self.own_net, self.own_extra))
        return chosen, cost, net, extra, n_steps

    def _bound(self, budget: float, n_steps: int) -> float:
        net = float(self.net[n_steps])
        if n_steps < len(self.user):
            net += max(budget - float(self.cost[n_steps]), 0.0) * float(self.slope[n_steps])
        return net

    def at(self, budget: float) -> Allocation:
        """Say who gets what for a budget."""
        require_budget(budget)
        chosen, cost, net, extra, n_steps = self._solved(budget)
        counts = np.bincount(chosen, minlength=len(self.arms) + 1)[1:]
        bound = self._bound(budget, n_steps)
        return Allocation(
            budget=budget, n_of_arm=tuple(int(n) for n in counts), n_worthless=self.people.n_users - self.n_worthwhile,
            n_beyond=self.n_worthwhile - int(counts.sum()), cost=cost, net=net, extra=extra, bound=bound,
            gap=max(bound - net, 0.0) / bound if bound > 0 else 0.0,
            marginal=float(self.slope[n_steps]) if n_steps < len(self.user) else 0.0,
        )  # fmt: skip

    def rows(self, budget: float) -> pd.DataFrame:
        """List who gets which arm.

        Returns
        -------
        DataFrame
            user_key, arm_key (from 1 on, in the order of the arms): those who are given one, by their key.
        """
        require_budget(budget)
        chosen = self._solved(budget)[0]
        found = pd.DataFrame({"user_key": self.people.user_keys, "arm_key": chosen.astype(np.int64)})
        return found[found["arm_key"] > 0].sort_values("user_key", ignore_index=True)

    def curve(self) -> pd.DataFrame:
        """Lay out what each budget brings, in at most 200 places.

        Returns
        -------
        DataFrame
            budget, cost, net, extra, users.
        """
        most = (self.stops_paying or 1.0) * BEYOND
        budgets = np.unique(np.append(np.linspace(0.0, most, MOST_POINTS - 1), self.stops_paying))
        places = np.array([self._place(float(budget)) for budget in budgets])
        return pd.DataFrame({
            "budget": budgets, "cost": self.cost[places], "net": self.net[places], "extra": self.extra[places],
            "users": self.n_chosen[places],
        })  # fmt: skip


def require_budget(budget: float) -> None:
    """Check a budget.

    Raises
    ------
    SpecError
        If there is no money.
    """
    if not 0 < budget < float("inf"):
        raise SpecError(
            f"`budget` must be more than 0, not {budget:g}: without money nobody is contacted.",
            hint="Name the money that may be spent.",
        )


def optimum(
    people: People,
    arms: Sequence[Arm],
    terms: Terms,
    *,
    past: Sequence[Measured] = (),
    uplifts: Mapping[str, Uplift] | None = None,
) -> Optimum:
    """Lay out who gets which arm, from no money to as much as is worth spending.

    Parameters
    ----------
    past : sequence of Measured
        What past campaigns found.
    uplifts : mapping of str to Uplift, optional
        By the name of an arm, what is known of whom it keeps, instead of its intervention's effect.

    Raises
    ------
    SpecError
        If there is no arm, or nobody to choose among.

    Notes
    -----
    Maximise Σ net s.t. Σ cost ≤ budget, one arm or none a user: a multiple-choice knapsack. Of each user only the arms on
    the upper hull of (cost, net), from nothing on, are ever best for some price of money; the steps along the hulls, by
    falling net per cost, solve the linear program exactly, and whole users fall short of it by less than one step.

    References
    ----------
    Sinha, P. & Zoltners, A. A. (1979). The multiple-choice knapsack problem. Operations Research 27.
    """
    if not arms:
        raise SpecError("A budget must be divided over at least one arm.", hint="Choose an intervention.")
    if not people.n_users:
        raise SpecError(
            "A budget must have users to be spent on, and nobody on this list has a score.",
            hint="Choose another list, or score the users on the At risk page.",
        )
    found = [(uplifts or {}).get(arm.name) or uplift_of(arm.intervention.effect, past) for arm in arms]
    gains = [uplift.of_users(people) for uplift in found]
    value = np.full(people.n_users, terms.value) if terms.value is not None else people.worth
    parts = [
        _steps(start, [gain[start : start + CHUNK] for gain in gains], people.probability[start : start + CHUNK],
               terms.margin * value[start : start + CHUNK], arms, 1 - terms.holdout)
        for start in range(0, people.n_users, CHUNK)
    ]  # fmt: skip
    joined = (np.concatenate(column) for column in zip(*parts, strict=True))
    user, arm, round_, cost, net, extra, d_cost, d_net, d_extra, slope = joined
    order = np.argsort(-slope, kind="stable")  # a user's steps fall in slope; where two are alike, the earlier comes first
    is_first = np.concatenate([[0], np.cumsum(round_[order] == 0)]).astype(np.int64)

    def summed(each: Floats) -> Floats:
        return np.concatenate([[0.0], np.cumsum(each[order])])

    return Optimum(
        people, tuple(arms), terms, user[order], arm[order], cost[order], net[order], extra[order], slope[order],
        cost=summed(d_cost), net=summed(d_net), extra=summed(d_extra), n_chosen=is_first,
    )  # fmt: skip


def _steps(
    start: int, gains: Sequence[Floats], p: Floats, value: Floats, arms: Sequence[Arm], contacted: float
) -> tuple[NDArray[np.generic], ...]:
    """Walk along the hull of each user of a chunk: user, arm, round, the user's totals, what the step adds, its slope."""
    u = np.array(gains)
    costs = [arm.intervention.cost for arm in arms]
    fixed = np.array([cost.contact for cost in costs])[:, None]
    given = np.array([cost.incentive * cost.redemption for cost in costs])[:, None]
    k = contacted * (fixed + given * (1 - p + u))
    b = contacted * value * u - k
    e = contacted * u
    at = np.arange(len(p))
    now_k, now_b, now_e, steepest = np.zeros(len(p)), np.zeros(len(p)), np.zeros(len(p)), np.full(len(p), np.inf)
    found: list[tuple[NDArray[np.generic], ...]] = []
    for round_ in range(len(arms)):
        more_k, more_b = k - now_k, b - now_b
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            slope = np.where(more_b > LEAST, np.where(more_k > LEAST, more_b / more_k, np.inf), -np.inf)
        # What costs no more and brings more comes at once, the best of it; a user's first step may cost nothing.
        free = np.argmax(np.where(more_k <= LEAST, more_b, -np.inf), axis=0)
        best = np.where(np.isposinf(slope.max(axis=0)), free, slope.argmax(axis=0))
        column = np.arange(len(at))
        is_on = slope[best, column] > -np.inf
        if not is_on.any():
            break
        steepest = np.minimum(slope[best, column], steepest)[is_on]
        at, best, k, b, e = at[is_on], best[is_on], k[:, is_on], b[:, is_on], e[:, is_on]
        column = np.arange(len(at))
        new = k[best, column], b[best, column], e[best, column]
        old = now_k[is_on], now_b[is_on], now_e[is_on]
        now_k, now_b, now_e = new
        found.append((
            (start + at).astype(np.int32), best.astype(np.int8), np.full(len(at), round_, dtype=np.int8), *new,
            *(a - o for a, o in zip(new, old, strict=True)), steepest,
        ))  # fmt: skip
    if not found:
        empty = np.zeros(0)
        return (np.zeros(0, np.int32), np.zeros(0, np.int8), np.zeros(0, np.int8), *[empty] * 7)
    return tuple(np.concatenate(column) for column in zip(*found, strict=True))
