"""Answers about experiments that are planned: arithmetic, without a store."""

from __future__ import annotations

from retention.experiments.model_plan import plan_of
from retention.experiments.plan import Plan
from retention.experiments.spec import PlanSpec

__all__ = ["Plan", "plan"]


def plan(spec: PlanSpec) -> Plan:
    """How many users does it take to find the smallest effect worth having, and how long?"""
    return plan_of(spec)
