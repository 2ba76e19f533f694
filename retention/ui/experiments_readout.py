"""A read-out on the screen: the sizes of the groups first, then what was found, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.churn.words import amount
from retention.experiments.chart import effect_alt, effect_figure, path_alt, path_figure
from retention.experiments.readout import AS_MEASURED, Readout
from retention.experiments.words import (
    MISMATCH_HINT,
    cautions,
    checks,
    cost_words,
    decided_words,
    headline,
    level_words,
    p_words,
    ratio_words,
    signed,
    value_words,
    verdicts,
)
from retention.periods import date_of
from retention.ui.answers import drawn
from retention.ui.behaviour import twin, verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.pages import section
from retention.ui.words import day, many, plain


@dataclass(frozen=True, slots=True)
class Shown:
    """How a read-out is shown.

    Attributes
    ----------
    readout : Readout
    key : str
        Before the keys of the widgets.
    told : tuple
        All that the read-out is made of, so that its pictures can be kept.
    file_name : str
    units : str
        What the units are: "user".
    """

    readout: Readout
    key: str
    told: tuple[Any, ...]
    file_name: str
    units: str = "user"

    @property
    def level(self) -> str:
        """What the intervals are."""
        return f"{level_words(self.readout.spec)} intervals"

    def sentence(self, text: str) -> str:
        """Begin with a capital letter, unless the text begins with the name of a column."""
        return text if self.units == "unit" and text.startswith(self.readout.metrics) else text[:1].upper() + text[1:]


def show_readout(shown: Shown, controls: Controls) -> None:
    """Show sizes, verdict, effects, other readings, looks, breakdowns and costs."""
    ratio_part(shown)
    found = shown.readout
    head, _, rest = shown.sentence(headline(found)).partition(". ")
    verdict(f"{head}{'.' if rest else ''}", rest)
    if len(found.as_measured()):
        _effects(shown)
    _path(shown)
    _breakdowns(shown, controls)
    _costs(shown)


def ratio_part(shown: Shown) -> None:
    """Say whether the groups are the size that was meant, before anything else."""
    ratio = shown.readout.ratio
    with st.container(key=f"{shown.key}_ratio"):
        if ratio.is_mismatch:
            said = f"{ratio_words(ratio)} {MISMATCH_HINT}"
            if ratio.is_assumed:
                said += " If the groups were meant to differ in size, name their shares above and read it again."
            st.error(plain(said))
        else:
            st.caption(plain(ratio_words(ratio)))
        rows = ratio.table
        twin(
            pd.DataFrame(
                {
                    "Group": rows["group"],
                    shown.units.capitalize() + "s": rows["n"],
                    "Share": [value_words(float(v), "rate") for v in rows["share"]],
                    "Share that was meant": [value_words(float(v), "rate") for v in rows["expected_share"]],
                    f"{shown.units.capitalize()}s that were meant": [f"{v:,.0f}" for v in rows["expected_n"]],
                }
            ),
            "Sizes of the groups and those that were meant",
            f"{shown.key}_ratio_twin",
        )


# What was found ----------------------------------------------------------------------------------------


def _effects(shown: Shown) -> None:
    found = shown.readout
    rows = found.as_measured()
    with section("What changed", f"How much more, or less, do the groups differ from {plain(found.control)}?"):
        # The first is the verdict of the page, unless that says that nothing is to be read.
        others = verdicts(found)[0 if found.ratio.is_mismatch else 1 :]
        st.markdown("\n".join(f"- {plain(shown.sentence(said))}" for said in others))
        for kind in ("rate", "mean"):
            own = rows[rows["kind"] == kind].reset_index(drop=True)
            if len(own):
                _effect_chart(shown, own, kind)
        st.caption(plain(f"{shown.level}, {found.spec.method}: see “What to keep in mind”. A hollow point cannot be told from 0."))
        twin(effect_rows(rows), "Differences to the control", f"{shown.key}_effects_twin")
        download(
            "the effects", f"{shown.file_name}-effects", lambda fmt: table_bytes(found.effects, fmt, sheet="effects"),
            key=f"{shown.key}_effects_file",
        )  # fmt: skip
        _checks(shown)
        with st.expander("What to keep in mind", key=f"{shown.key}_cautions"):
            st.markdown("\n".join(f"- {plain(shown.sentence(said))}" for said in cautions(found)))


def _effect_chart(shown: Shown, rows: pd.DataFrame, kind: str) -> None:
    found = shown.readout
    labels = _labels(rows, shown)
    figure = drawn(
        "effects", (*shown.told, kind, is_dark()),
        lambda: effect_figure(rows, labels, kind, found.control, shown.level, is_dark=is_dark()),
    )  # fmt: skip
    alt = effect_alt(rows, labels, kind, found.control)
    chart(figure, alt=alt, key=f"{shown.key}_effects_{kind}", file_name=f"{shown.file_name}-effects")


def _labels(rows: pd.DataFrame, shown: Shown) -> list[str]:
    """Name the rows by what tells them apart: the outcome, the arm, or both."""
    found = shown.readout
    if len(found.arms) == 1:
        return [shown.sentence(str(metric)) for metric in rows["metric"]]
    if rows["metric"].nunique() == 1:
        return [str(arm) for arm in rows["arm"]]
    return [f"{arm}: {metric}" for arm, metric in zip(rows["arm"], rows["metric"], strict=True)]


def effect_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Write comparisons for a table."""
    found = rows.to_dict("records")
    return pd.DataFrame(
        {
            "Outcome": [row["metric"] for row in found],
            "Group": [row["arm"] for row in found],
            "Its users": [f"{row['n_arm']:,}" for row in found],
            "Its value": [value_words(row["value_arm"], row["kind"]) for row in found],
            "Control's users": [f"{row['n_control']:,}" for row in found],
            "Control's value": [value_words(row["value_control"], row["kind"]) for row in found],
            "Difference": [signed(row["difference"], row["kind"]) for row in found],
            "From": [signed(row["low"], row["kind"]) for row in found],
            "To": [signed(row["high"], row["kind"]) for row in found],
            "Unit": ["percentage points" if row["kind"] == "rate" else "amount" for row in found],
            "Corrected p": [p_words(row["p_adjusted"]).removeprefix("p ").removeprefix("= ") for row in found],
            "Says": [row["says"] for row in found],
        }
    )


def _checks(shown: Shown) -> None:
    said = checks(shown.readout)
    if not said or shown.readout.ratio.is_mismatch:
        return
    with st.expander("Does it hang on chance or on a few? The same read in other ways", key=f"{shown.key}_checks"):
        st.caption(
            "CUPED takes out what was known of each user before the exposure, so that less is left to chance; winsorised cuts"
            " the few largest amounts. They stand beside the plain reading and decide nothing."
        )
        st.markdown("\n".join(f"- {plain(shown.sentence(text))}" for text in said))
        others = shown.readout.effects[shown.readout.effects["view"] != AS_MEASURED]
        table = effect_rows(others)
        table.insert(1, "Read", list(others["view"]))
        st.dataframe(
            table.drop(columns=["Corrected p"]), hide_index=True, placeholder="", alt="The effects read in other ways",
            height=min(38 + 35 * len(table), 318),
        )  # fmt: skip


def _path(shown: Shown) -> None:
    found = shown.readout
    if found.spec.method != "sequential" or found.ratio.is_mismatch:
        return
    with section("Day by day", "How did the difference stand each time somebody could have looked?"):
        if found.path.empty:
            st.info("The days on which outcomes became known are not known, so there is no path; the intervals above hold.")
            return
        path = found.path[found.path["metric"] == found.metrics[0]]
        kind = str(found.as_measured()["kind"].iloc[0])
        if path["day"].nunique() < 2:
            st.info("All outcomes became known on one day, so there was one look: it is the one above.")
            return
        days = [day(date_of(int(number))) for number in found.path["day"]]
        said = [text for text in decided_words(found, days) if text.startswith(found.metrics[0])]
        st.markdown("\n".join(f"- {plain(shown.sentence(text))}" for text in said))
        figure = drawn("path", (*shown.told, is_dark()), lambda: path_figure(path, found.arms, kind, is_dark=is_dark()))
        chart(figure, alt=path_alt(path, found.arms, kind), key=f"{shown.key}_path_chart", file_name=f"{shown.file_name}-path")
        what = shown.sentence(found.metrics[0])
        st.caption(plain(f"{what}. The band may be looked at on any day; it holds on all of them at once."))
        table = path.assign(day=[date_of(int(number)).isoformat() for number in path["day"]])
        twin(_path_rows(table, kind), "The difference by day", f"{shown.key}_path_twin")
        name = f"{shown.file_name}-path"
        download("the path", name, lambda fmt: table_bytes(table, fmt, sheet="path"), key=f"{shown.key}_path_file")


def _path_rows(path: pd.DataFrame, kind: str) -> pd.DataFrame:
    write = "rate" if kind == "rate" else "mean"
    return pd.DataFrame(
        {
            "Day": path["day"],
            "Group": path["arm"],
            "Its users": path["n_arm"].astype("int64"),
            "Control's users": path["n_control"].astype("int64"),
            **{
                title: [signed(float(value), write) for value in path[name]]  # type: ignore[arg-type]
                for title, name in (("Difference", "difference"), ("From", "low"), ("To", "high"))
            },
        }
    )


# By what users are -------------------------------------------------------------------------------------


def _breakdowns(shown: Shown, controls: Controls) -> None:
    found = shown.readout
    if found.breakdowns.empty or found.ratio.is_mismatch:
        return
    with section("For whom", "Does it work better for some than for others?"):
        one, two = st.columns(2)
        metric = controls.choice("of", found.metrics, found.metrics[0], "Outcome", at=one) or found.metrics[0]
        arm: str | None = found.arms[0]
        if len(found.arms) > 1:
            arm = controls.choice("arm", found.arms, found.arms[0], "Group", at=two)
        for by in dict.fromkeys(found.breakdowns["by"]):
            _breakdown(shown, str(by), metric, arm or found.arms[0])


def _breakdown(shown: Shown, by: str, metric: str, arm: str) -> None:
    found = shown.readout
    rows = found.breakdowns
    own = rows[(rows["by"] == by) & (rows["metric"] == metric) & (rows["arm"] == arm)].reset_index(drop=True)
    labels, kind = [str(value) for value in own["value"]], str(own["kind"].iloc[0])
    st.subheader(plain(f"By {by}"))
    spread = found.spreads[(found.spreads["by"] == by) & (found.spreads["metric"] == metric) & (found.spreads["arm"] == arm)]
    if len(spread):
        p = float(spread["p"].iloc[0])
        told = "differs between them more than by chance" if p <= found.spec.alpha else "cannot be told to differ between them"
        st.markdown(plain(f"The effect {told} ({p_words(p)}, Cochran's Q)."))
    key = (*shown.told, by, metric, arm, is_dark())
    figure = drawn(
        "breakdown", key, lambda: effect_figure(own, labels, kind, found.control, shown.level, is_dark=is_dark())
    )
    name = f"{shown.file_name}-by-{by}"
    chart(figure, alt=effect_alt(own, labels, kind, found.control), key=f"{shown.key}_by_{by}", file_name=name)
    table = effect_rows(own)
    table.insert(0, f"By {by}", labels)
    twin(table, f"Differences by {by}", f"{shown.key}_by_twin_{by}")
    download(f"the effects by {by}", name, lambda fmt: table_bytes(own, fmt, sheet="effects"), key=f"{shown.key}_by_file_{by}")


# What it cost ------------------------------------------------------------------------------------------


def _costs(shown: Shown) -> None:
    found = shown.readout
    if found.costs.empty or found.ratio.is_mismatch:
        return
    with section("What it cost", f"What did each extra {shown.units} cost?"):
        said = cost_words(found)
        st.markdown("\n".join(f"- {plain(shown.sentence(text))}" for text in said) or "There are too few units to tell.")
        rows = found.costs.to_dict("records")
        twin(
            pd.DataFrame(
                {
                    "Outcome": [row["metric"] for row in rows],
                    "Group": [row["arm"] for row in rows],
                    "Cost": [amount(row["cost"]) for row in rows],
                    "Gained": [amount(row["extra"]) for row in rows],
                    "From": [amount(row["extra_low"]) for row in rows],
                    "To": [amount(row["extra_high"]) for row in rows],
                    "Cost of each": [amount(row["cost_per_extra"]) for row in rows],
                }
            ),
            "Cost of what was gained",
            f"{shown.key}_costs_twin",
        )


def group_lines(groups: Sequence[str], sizes: Sequence[int]) -> str:
    """Name the groups with their sizes."""
    return ", ".join(f"{group} {many(n, 'user')}" for group, n in zip(groups, sizes, strict=True))
