"""The models of the Survival page: when users lapse, what goes with it, by which law; and grid beside curve."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.cohorts.words import percent
from retention.errors import RetentionError
from retention.survival.answer import survival_curves
from retention.survival.answer_models import cox_model, grid_and_curve, hazard_weeks, lifetime_laws
from retention.survival.chart import (
    hazard_alt,
    hazard_figure,
    laws_alt,
    laws_figure,
    profile_alt,
    profile_figure,
    ratios_alt,
    ratios_figure,
)
from retention.survival.hazard import HazardWeeks
from retention.survival.ratios import CoxModel
from retention.survival.spec import (
    FIRST_EVENT,
    MAX_ATTRIBUTES,
    RECONCILED,
    CoxSpec,
    HazardSpec,
    ReconcileSpec,
    SurvivalListSpec,
    SurvivalSpec,
)
from retention.survival.words import (
    cox_words,
    days,
    laws_words,
    proportional_words,
    ratio_words,
    reconcile_words,
    riskiest_words,
)
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import section
from retention.ui.words import plain

EVERYONE = "Everyone"
ALL = "*"


def _group(controls: Controls, spec: SurvivalSpec) -> HazardSpec:
    """Draw the choice of the group, where there are several."""
    if spec.by is None:
        return HazardSpec(survival=spec)
    names = [group.name for group in answer(survival_curves, spec).groups if group.n]
    chosen = controls.choice("group", [ALL, *names], ALL, "Group", words={ALL: EVERYONE})
    return HazardSpec(survival=spec, group=None if chosen == ALL else chosen)


def _who(spec: HazardSpec) -> str:
    return EVERYONE if spec.group is None else f"{spec.survival.by} {spec.group}"


def hazard_panel(controls: Controls, spec: SurvivalSpec) -> None:
    """Draw the weekly rate of lapsing, the riskiest week, and the users who lapsed in a week."""
    with section("When they lapse", "Of those still active, how many lapse in each week since their start?"):
        asked = _group(controls, spec)
        hazard = answer(hazard_weeks, asked)
        headline, detail = riskiest_words(hazard)
        with st.container(key="verdict"):
            st.markdown(f"**{plain(headline)}**")
            st.markdown(plain(detail))
        if hazard.weeks.empty:
            return
        options = {
            str(row.week): f"Week {row.week}: {row.events:,} lapsed"
            for row in hazard.weeks.itertuples(index=False)
            if row.events
        }
        st.caption(
            f"{_who(asked)}: {hazard.n_lapsed:,} lapses, weeks with at least 20 users under observation. Bars: increments of"
            " the Nelson–Aalen estimate with 95 % intervals; dotted: smoothed over three weeks on either side."
            + (" Orange: the riskiest week." if hazard.riskiest else "")
        )
        key = (repr(asked), hazard.data_version, is_dark())
        figure = drawn("hazard", key, lambda: hazard_figure(hazard, is_dark=is_dark()))
        place = st.container()
        picked = controls.pick("week", options, "List who lapsed in a week", charts=("hazard_chart",))
        with place:
            chart(figure, alt=hazard_alt(hazard), key="hazard_chart", file_name="hazard", is_clickable=True)
        if picked:
            wanted = SurvivalListSpec(
                survival=spec if asked.group is not None else spec.of_everyone(),
                state="lapsed",
                group=asked.group,
                week=int(picked),
            )
            members_panel(wanted, f"lapsed in week {picked} since the start", key="hazard_members")
        _hazard_table(hazard)


def _hazard_table(hazard: HazardWeeks) -> None:
    with st.expander("As a table", key="hazard_table"):
        rows = hazard.weeks
        st.dataframe(
            pd.DataFrame(
                {
                    "Week": rows["week"],
                    "Under observation": rows["at_risk"],
                    "Lapsed": rows["events"],
                    "Per 100 users and week": [f"{v * 100:.1f}" for v in rows["hazard"]],
                    "95 % interval": [
                        f"{a * 100:.1f}–{b * 100:.1f}" for a, b in zip(rows["low"], rows["high"], strict=True)
                    ],
                    "Smoothed": [f"{v * 100:.1f}" for v in rows["smoothed"]],
                    "Summed up": [f"{v:.3f}" for v in rows["cumulative_hazard"]],
                }
            ),
            hide_index=True,
            height=320,
            alt="The rate of lapsing by week as a table",
        )
        frame = rows.drop(columns=["variance"])
        download("the weekly rates", "hazard", lambda fmt: table_bytes(frame, fmt, sheet="hazard"), key="hazard")


def laws_panel(controls: Controls, spec: SurvivalSpec) -> None:
    """Draw how well each law of lifetime fits."""
    with section("Laws of lifetime", "Is there a formula that describes how long users stay?"):
        asked = _group(controls, spec)
        laws = answer(lifetime_laws, asked)
        headline, detail = laws_words(laws)
        with st.container(key="verdict"):
            st.markdown(f"**{plain(headline)}**")
            st.markdown(plain(detail))
        key = (repr(asked), laws.data_version, is_dark())
        chart(
            drawn("laws", key, lambda: laws_figure(laws, is_dark=is_dark())),
            alt=laws_alt(laws),
            key="laws_chart",
            file_name="laws-of-lifetime",
        )
        _twin(
            laws.quantiles.round({"survival": 4, "observed": 1, "expected": 1}),
            "the quantiles",
            "Days until a share is left, observed and by each law",
            "laws_quantiles",
        )
        rows = laws.laws
        st.dataframe(
            pd.DataFrame(
                {
                    "Law": [name.capitalize() for name in rows["law"]],
                    "AIC": ["" if pd.isna(v) else f"{v:,.1f}" for v in rows["aic"]],
                    "Above the best": ["" if pd.isna(v) else f"{v:,.1f}" for v in rows["delta"]],
                    "Half have lapsed after": ["" if pd.isna(v) else days(v) for v in rows["median"]],
                    "Farthest from the curve": [
                        "" if pd.isna(v) else f"{v * 100:.1f} points" for v in rows["distance"]
                    ],
                    "Parameters (95 % interval)": rows["parameters"],
                }
            ),
            hide_index=True,
            height="content",
            alt="The fitted laws, the best first",
        )
        st.caption(
            f"{_who(asked)}: {laws.n:,} users, {laws.n_observed:,} lapses. A whole day is taken as the interval that it"
            " is, so that lapsing on the first day needs no trick. AIC weighs fit against parameters: smaller is better,"
            " differences below 2 tell nothing."
        )


def _twin(frame: pd.DataFrame, what: str, alt: str, key: str) -> None:
    """Offer the numbers of a chart as a table and as a file."""
    with st.expander("As a table", key=f"{key}_table"):
        st.dataframe(frame.head(500), hide_index=True, height=320, alt=alt)
        download(what, key.replace("_", "-"), lambda fmt: table_bytes(frame, fmt, sheet=key), key=key)


def cox_panel(controls: Controls, spec: SurvivalSpec) -> None:
    """Draw the hazard ratios of attributes, whether they hold at every age, and the survival of a profile."""
    with section("What goes with lapsing", "Which attributes go with lapsing sooner, each with the others held equal?"):
        names = [FIRST_EVENT, *catalogue().properties]
        usual = tuple(name for name in (spec.by,) if name in names)
        chosen = controls.many(
            "attributes", names, usual, "Attributes at the start", placeholder="Choose one to four",
            most=MAX_ATTRIBUTES,
        )  # fmt: skip
        if not chosen:
            st.info("Choose at least one attribute to compare.")
            return
        base = CoxSpec(survival=spec.of_everyone(), attributes=chosen)
        model = answer(cox_model, base)
        with st.container(key="verdict"):
            st.markdown(f"**{plain(cox_words(model))}**")
            st.markdown(plain(proportional_words(model)))
        for sentence in model.dropped:
            st.caption(plain(sentence))
        key = (repr(base), model.data_version, is_dark())
        chart(
            drawn("ratios", key, lambda: ratios_figure(model, is_dark=is_dark())),
            alt=ratios_alt(model),
            key="cox_chart",
            file_name="hazard-ratios",
        )
        _ratio_table(model)
        _profile(controls, base, model)


def _ratio_table(model: CoxModel) -> None:
    rows = model.ratios
    st.dataframe(
        pd.DataFrame(
            {
                "Attribute": rows["attribute"],
                "Value": rows["value"],
                "Users": rows["n"],
                "Lapsed": rows["n_lapsed"],
                "Rate of lapsing": [ratio_words(row) for row in rows.to_dict("records")],
                "p": ["" if pd.isna(p) else f"{p:.2g}" for p in rows["p"]],
                "Same at every age?": [
                    "" if pd.isna(p) else ("changes" if p * rows["ph_p"].notna().sum() <= 0.05 else "no sign of change")
                    for p in rows["ph_p"]
                ],
            }
        ),
        hide_index=True,
        height="content",
        alt="Hazard ratios with 95 % intervals",
        column_config={name: st.column_config.NumberColumn(format="localized") for name in ("Users", "Lapsed")},
    )
    download("the hazard ratios", "hazard-ratios", lambda fmt: table_bytes(rows, fmt, sheet="ratios"), key="ratios")
    sampled = (
        f" Estimated on a random {model.n:,} of {model.n_population:,} users, so the intervals are wider than they would be on all."
        if model.n < model.n_population and not model.dropped
        else ""
    )
    st.caption(
        f"{model.n:,} users, {model.n_observed:,} lapses; Cox's regression, ties by Efron's method. The model puts two users in"
        f" the right order in {percent(model.concordance)} of pairs (50 % is chance).{sampled} A ratio goes with the"
        " attribute; it need not come from it."
    )


def _profile(controls: Controls, base: CoxSpec, model: CoxModel) -> None:
    st.subheader("Survival of a profile")
    columns = st.columns(len(base.attributes))
    profile = []
    for i, (name, at) in enumerate(zip(base.attributes, columns, strict=True)):
        levels = list(model.levels[name])
        profile.append(controls.choice(f"profile_{i}", levels, levels[0], plain(name), at=at) or levels[0])
    asked = CoxSpec(survival=base.survival, attributes=base.attributes, profile=tuple(profile))
    try:
        model = answer(cox_model, asked)
    except RetentionError as error:
        st.info(plain(str(error)))
        return
    key = (repr(asked), model.data_version, is_dark())
    chart(
        drawn("profile", key, lambda: profile_figure(model, is_dark=is_dark())),
        alt=profile_alt(model),
        key="profile_chart",
        file_name="profile-survival",
    )
    st.caption(plain(profile_alt(model)))
    _twin(
        model.curve.iloc[:: max(len(model.curve) // 250, 1)].round({"survival": 4}),
        "the survival of the profile",
        "Share of users like this still active, by day",
        "profile_survival",
    )


def reconcile_panel(controls: Controls, spec: SurvivalSpec) -> None:
    """Show that the retention grid and the survival curve tell the same."""
    with section("Grid and curve", "Do the retention grid and the survival curve tell the same story?"):
        one, two = st.columns(2)
        period = controls.pills("grid_period", ("week", "month"), "week", "Ages by", at=one)
        last = controls.number("grid_horizon", 1, RECONCILED, 8, "Look ahead", at=two)
        found = answer(grid_and_curve, ReconcileSpec(survival=spec.of_everyone(), period=period, horizon=last))  # type: ignore[arg-type]
        with st.container(key="verdict"):
            st.markdown(f"**{plain(reconcile_words(found))}**")
        rows = found.ages
        st.dataframe(
            pd.DataFrame(
                {
                    f"{period.capitalize()} k": rows["age"],
                    "Came back at k or later": [f"{n:,}" for n in rows["retained"]],
                    "Users": [f"{n:,}" for n in rows["size"]],
                    "Grid": [percent(v) for v in rows["grid"]],
                    "Curve S(k − 1)": [percent(v) for v in rows["curve"]],
                    "": ["✓ equal" if abs(v) < 1e-9 else f"{v * 100:+.3f} points" for v in rows["difference"]],
                }
            ),
            hide_index=True,
            height="content",
            alt="Grid and curve at every age",
        )
        download("grid and curve", "grid-and-curve", lambda fmt: table_bytes(rows, fmt, sheet="ages"), key="ages")
        st.caption(
            f"The grid: share of users who came back in {period} k or later, up to {period} {last}, of cohorts whose {period}"
            f" {last} has ended. The curve: Kaplan–Meier of each user's last {period} with a return, within the same"
            " horizon. Two texts of SQL, two ways of counting, one number. The curves of the first tab look further: they"
            " judge every user by silence and may stop at a first lapse, so they need not equal a grid of other ages."
        )
