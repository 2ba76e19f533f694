"""What the segments look like: their sizes, the map, what sets each apart, and who is in it in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.cohorts.words import percent
from retention.segments.chart import (
    MAX_DIFFERENCE,
    grid_alt,
    grid_figure,
    map_alt,
    map_density,
    map_points,
    profile_alt,
    profile_figure,
    standing_alt,
    standing_figure,
    variance_figure,
)
from retention.segments.model_rfm import GRID, MEANINGS
from retention.segments.model_segments import MAP_POINTS, segment_map
from retention.segments.model_tree import Rule, TreeWords, tree_words
from retention.segments.plane import SegmentMap, grid_cells, median_standing
from retention.segments.segmentation import Segmentation
from retention.segments.spec import SegmentSpec
from retention.ui.answers import catalogue, drawn
from retention.ui.behaviour import twin
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.segments_controls import METHOD_WORDS, of_tuned
from retention.ui.words import many, moment, plain

MAX_PANELS = 6
MAX_FEATURES = 12
MAX_NOTES = 8
VIEWS = ("points", "density")
VIEW_WORDS = {"points": "Users as points", "density": "How many where"}


def verdict_words(found: Segmentation) -> tuple[str, str]:
    """Say in a sentence what was found, and in another of whom."""
    zone = catalogue().require_clock().timezone
    of_whom = f"As of {moment(found.cutoff_us, zone)}."
    if found.n_left_out:
        of_whom += (
            f" {many(found.n_left_out, 'user')} with fewer than {many(found.spec.min_active_days, 'active day')}"
            f" {'is' if found.n_left_out == 1 else 'are'} left out."
        )
    n = len(found.names)
    if not n:
        return f"No segment was found among {many(found.n_users, 'user')}.", of_whom + " Try another method."
    sizes = found.sizes()
    sizes = sizes[(sizes["segment"] >= 0) & (sizes["n"] > 0)]
    top = sizes.sort_values("n", ascending=False).iloc[0]
    said = f"{many(len(sizes), 'segment')} of {many(found.n_users, 'user')}: the largest, {top['name']}, holds {percent(top['share'])} of them"
    if pd.notna(top["value_share"]):
        said += f" and {percent(top['value_share'])} of the revenue less refunds"
        rich = sizes.sort_values("value_share", ascending=False).iloc[0]
        if rich["name"] != top["name"]:
            said += f"; {rich['name']} with {percent(rich['share'])} of the users bring{'' if rich['name'].endswith('s') else 's'} the most, {percent(rich['value_share'])}"
    return f"{said}.", of_whom


def words_of(spec: SegmentSpec) -> TreeWords | None:
    """Put the segments in words; nothing where there are fewer than two."""

    def made(found: Segmentation) -> TreeWords | None:
        if len(set(found.labels[found.labels >= 0].tolist())) < 2:
            return None
        return tree_words(found.values, found.labels, seed=spec.seed)

    return of_tuned("segment words", spec, made)


def sizes_part(spec: SegmentSpec, found: Segmentation, names: Sequence[str]) -> None:
    """Show how many users each segment holds, and who they are in words."""
    sizes = replace(found, names=tuple(names)).sizes()
    said = words_of(spec)
    table = pd.DataFrame(
        {
            "Segment": sizes["name"],
            "Users": sizes["n"],
            "Share of users": [percent(v) for v in sizes["share"]],
            "Share of revenue": ["" if pd.isna(v) else percent(v) for v in sizes["value_share"]],
        }
    )
    if sizes["value_share"].isna().all():
        table = table.drop(columns=["Share of revenue"])
    one, two = st.columns([1, 1.15])
    with one:
        st.subheader("How large they are")
        st.dataframe(
            table,
            hide_index=True,
            height="content",
            placeholder="",
            alt="The segments with their users, their shares of all users and of the revenue",
            column_config={
                "Users": st.column_config.NumberColumn(format="localized"),
                "Share of revenue": st.column_config.TextColumn(help="Of all revenue less refunds of the users looked at."),
            },
        )
        download(
            "the sizes", "segments-sizes", lambda fmt: table_bytes(sizes, fmt, sheet="sizes"), key="segments_sizes"
        )
    with two, st.container(key="segments_words"):
        st.subheader("Who is in them")
        if spec.method == "rfm":
            st.markdown("\n".join(
                f"- **{plain(name)}**: {MEANINGS[usual]}" for name, usual in zip(names, found.names, strict=True)
            ))
            st.caption(
                "A convention of the trade: scores from 1 to 5 for how lately, how often and for how much users buy,"
                " equal values in one score."
            )
        elif said:
            st.markdown("\n".join(_rule_words(names[rule.segment], rule) for rule in said.rules))
            st.caption(
                f"In the words of a short decision tree, which puts {percent(said.fidelity)} of the users where they"
                " are. A segment of several kinds of users is said by its commonest kind."
            )


def _rule_words(name: str, rule: Rule) -> str:
    how_sure = f"fits {percent(rule.coverage)} of them; {percent(rule.precision)} of those whom it fits are among them"
    return f"- **{plain(name)}**: {plain(rule.text)} ({how_sure})"


def notes_part(found: Segmentation) -> None:
    """Say what was left out, filled in or set apart."""
    if not found.notes:
        return
    shown = found.notes[:MAX_NOTES]
    st.caption("  \n".join(plain(note) for note in shown))
    if more := len(found.notes) - len(shown):
        st.caption(f"… and {many(more, 'more note')}.")


def reduction_part(found: Segmentation) -> None:
    """Say how much of the features the fewer columns keep."""
    reducer = getattr(found.model, "reducer_", None)
    if reducer is None:
        return
    if found.spec.reduction == "autoencoder":
        st.caption(
            f"The autoencoder squeezes {many(len(found.features), 'feature')} into"
            f" {many(int(reducer.n_components), 'column')} and fails to restore"
            f" {percent(float(reducer.reconstruction_error_))} of their variance (reconstruction error)."
        )
        return
    shares = [float(v) for v in reducer.explained_variance_ratio_]
    st.subheader("What the principal components keep")
    key = (repr(found.spec), found.data_version, is_dark())
    figure = drawn("segments variance", key, lambda: variance_figure(shares, is_dark=is_dark()))
    chart(
        figure,
        alt="Share of the variance that each principal component keeps: " + ", ".join(percent(v) for v in shares),
        key="segments_variance",
        file_name="segments-variance",
    )
    st.caption(
        f"Together {percent(sum(shares))} of the variance of {many(len(found.features), 'feature')}; the segments know"
        " nothing of the rest."
    )
    twin(
        pd.DataFrame({"Component": range(1, len(shares) + 1), "Share of the variance": [percent(v) for v in shares]}),
        "The explained variance as a table",
        "segments_variance_table",
    )


# The map ---------------------------------------------------------------------------------------------


def map_part(controls: Controls, spec: SegmentSpec, found: Segmentation, names: Sequence[str]) -> None:
    """Show all users on one plane; of the RFM grid, its fields."""
    if spec.method == "rfm":
        _grid_part(spec, found, names)
        return
    st.subheader("The map")
    plane: SegmentMap = of_tuned("segment map", spec, segment_map)
    view = controls.pills(
        "map", VIEWS, "points" if found.n_users <= MAP_POINTS else "density", "Show", words=VIEW_WORDS,
        help="Points: one a user. How many where: the more users in a square, the stronger its colour.",
    )  # fmt: skip
    draw = map_points if view == "points" else map_density
    key = (repr(spec), found.data_version, view, tuple(names), is_dark())
    figure = drawn("segments map", key, lambda: draw(plane, names, is_dark=is_dark()))
    chart(figure, alt=map_alt(plane, names), key="segments_map", file_name="segments-map")
    kept = sum(plane.explained)
    if view == "points":
        n = len(plane.points)
        who = f"{many(n, 'user')}" if n == found.n_users else f"{n:,} of {found.n_users:,} users, drawn at random"
    else:
        who = f"All {found.n_users:,} users; a square has the colour of the segment that most of its users are in"
    st.caption(
        f"{who}. Users who lie close together are alike. The plane keeps {percent(kept)} of the differences between users"
        + (", so segments that overlap here may still be apart." if kept < 0.995 else ".")
    )
    twin(_map_table(plane, names), "Where the segments lie, as a table", "segments_map_table")


def _grid_part(spec: SegmentSpec, found: Segmentation, names: Sequence[str]) -> None:
    st.subheader("The grid")
    cells = of_tuned("segment grid", spec, lambda s: grid_cells(s.model.transform(s.values.to_numpy()), GRID))
    called = dict(zip(found.names, names, strict=True))
    named = cells.assign(name=cells["name"].map(called))
    key = (repr(spec), found.data_version, tuple(names), is_dark())
    places = {name: i for i, name in enumerate(names)}
    figure = drawn("segments grid", key, lambda: grid_figure(named, places, is_dark=is_dark()))
    chart(figure, alt=grid_alt(named), key="segments_grid", file_name="segments-grid")
    st.caption(
        f"{int(cells['n'].sum()):,} users who have bought; those who have not are in no segment. Each score cuts at fifths"
        " of these users, and equal values have one score, so where many share a value some fields stay empty."
    )
    table = named.rename(
        columns={"recency": "Recency", "value": "Frequency and money", "name": "Segment", "n": "Users"}
    )
    twin(table, "The grid as a table", "segments_grid_table")


def _map_table(plane: SegmentMap, names: Sequence[str]) -> pd.DataFrame:
    grouped = plane.points.groupby("segment")[["x", "y"]]
    middle, spread = grouped.mean(), grouped.std()
    return pd.DataFrame(
        {
            "Segment": ["In no segment" if s < 0 else names[s] for s in middle.index],
            "Users drawn": grouped.size().to_numpy(),
            "First component, mean": middle["x"].round(2).to_numpy(),
            "Second component, mean": middle["y"].round(2).to_numpy(),
            "First component, standard deviation": spread["x"].round(2).to_numpy(),
            "Second component, standard deviation": spread["y"].round(2).to_numpy(),
        }
    )


# What sets them apart --------------------------------------------------------------------------------


def shown_segments(controls: Controls, found: Segmentation) -> tuple[int, ...]:
    """Draw the choice of the segments to show in detail where there are more than fit; the largest by default."""
    order = found.sizes()
    order = order[(order["segment"] >= 0) & (order["n"] > 0)].sort_values("n", ascending=False, kind="stable")
    largest = tuple(int(s) for s in order["segment"])
    if len(largest) <= MAX_PANELS:
        return largest
    options = {found.names[s]: s for s in largest}
    chosen = controls.many(
        "shown", tuple(options), (), "Segments to show in detail", placeholder=f"The {MAX_PANELS} largest",
        most=MAX_PANELS,
    )  # fmt: skip
    if not chosen:
        st.caption(f"The {MAX_PANELS} largest of {len(largest)} segments are drawn; the tables hold all.")
    return tuple(options[name] for name in chosen) or largest[:MAX_PANELS]


def profile_rows(found: Segmentation) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the profile, and the features in which the segments differ most."""
    rows = found.profile()
    reach = rows["difference"].abs().groupby(rows["feature"], sort=False).max().sort_values(ascending=False, kind="stable")
    return rows, tuple(reach.dropna().index)


def apart_part(spec: SegmentSpec, found: Segmentation, names: Sequence[str], segments: Sequence[int]) -> None:
    """Show how each segment differs from the average user."""
    st.subheader("What sets each segment apart")
    rows, features = of_tuned("segment profile", spec, profile_rows)
    top = features[:MAX_FEATURES]
    shown = rows[rows["feature"].isin(top) & rows["segment"].isin(segments)]
    place = {name: i for i, name in enumerate(top)}
    shown = shown.sort_values("feature", key=lambda column: column.map(place), kind="stable")
    widest = float(shown[["low", "high", "difference"]].abs().max().max())
    reach = max(min(widest * 1.08, MAX_DIFFERENCE), 0.5)
    places = [place for _ in range(0, len(segments), 2) for place in st.columns(2)]
    for segment, at in zip(segments, places, strict=False):
        mine = shown[shown["segment"] == segment]
        key = (repr(spec), found.data_version, segment, reach, is_dark())
        with at:
            n = int((found.labels == segment).sum())
            st.markdown(f"**{plain(names[segment])}** – {many(n, 'user')}, {percent(n / found.n_users)}")
            figure = drawn("segments profile", key, lambda s=segment, m=mine: profile_figure(m, s, is_dark=is_dark(), reach=reach))  # type: ignore[misc]
            chart(figure, alt=profile_alt(mine, names[segment]), key=f"segments_profile_{segment}", file_name="segment-profile")
    cut = f" The {len(top)} of {len(features)} features in which the segments differ most are drawn." if len(features) > len(top) else ""
    long = f" Bars of more than {MAX_DIFFERENCE:.0f} are cut at the edge; the table says how long they are." if widest > MAX_DIFFERENCE else ""
    st.caption(
        "0 is the average of all users looked at; the thin lines are 95 % intervals of the segment’s mean. One standard"
        f" deviation is how far users usually are from the average.{cut}{long}"
    )
    table = _profile_table(rows, names, features)
    twin(table, "The profile as a table", "segments_profile_table")
    download(
        "the profile of every segment", "segments-profile",
        lambda fmt: table_bytes(_profile_file(rows, names), fmt, sheet="profile"), key="segments_profile",
    )  # fmt: skip


def _profile_table(rows: pd.DataFrame, names: Sequence[str], features: Sequence[str]) -> pd.DataFrame:
    place = {name: i for i, name in enumerate(features)}
    known = rows[rows["feature"].isin(features)].assign(place=rows["feature"].map(place))
    known = known.sort_values(["segment", "place"], kind="stable")
    return pd.DataFrame(
        {
            "Segment": [names[s] for s in known["segment"]],
            "Feature": known["title"].to_numpy(),
            "Unit": known["unit"].to_numpy(),
            "Known of, users": known["n_known"].to_numpy(),
            "Mean": [_number(v) for v in known["mean"]],
            "Median": [_number(v) for v in known["median"]],
            "Difference, sd": [_signed(v) for v in known["difference"]],
            "95 % interval": [
                "" if pd.isna(low) else f"{low:+.2f} to {high:+.2f}"
                for low, high in zip(known["low"], known["high"], strict=True)
            ],
        }
    )


def _profile_file(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    return rows.assign(name=[names[s] for s in rows["segment"]])


def _number(value: float) -> str:
    return "" if pd.isna(value) else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _signed(value: float) -> str:
    return "" if pd.isna(value) else f"{value:+.2f}"


def standing_part(spec: SegmentSpec, found: Segmentation, names: Sequence[str], segments: Sequence[int]) -> None:
    """Show where the median user of each segment stands among all users."""
    st.subheader("Where the median user of each segment stands")
    standing = of_tuned("segment standing", spec, lambda s: median_standing(s.values, s.labels, s.names))
    _, features = of_tuned("segment profile", spec, profile_rows)
    top = features[:MAX_FEATURES]
    named = standing.assign(name=[names[s] for s in standing["segment"]])
    drawn_names = [names[s] for s in segments]
    key = (repr(spec), found.data_version, tuple(names), tuple(segments), is_dark())
    figure = drawn(
        "segments standing", key, lambda: standing_figure(named, segments, top, names=names, is_dark=is_dark())
    )
    chart(figure, alt=standing_alt(named, drawn_names), key="segments_standing", file_name="segments-standing")
    cut = f" The {len(top)} of {len(features)} features in which the segments differ most." if len(features) > len(top) else ""
    st.caption(
        "A point at 90 % means: nine in ten of all users have less than the segment’s median user. The dotted line is"
        f" the middle of all users. Far apart on a line: the segments differ there.{cut}"
    )
    table = pd.DataFrame(
        {
            "Segment": named["name"],
            "Feature": named["title"],
            "Unit": named["unit"],
            "Median": [_number(v) for v in named["median"]],
            "Share of all users below": ["" if pd.isna(v) else percent(v) for v in named["standing"]],
        }
    )
    twin(table, "The medians as a table", "segments_standing_table")


def definition_words(spec: SegmentSpec, found: Segmentation) -> str:
    """Say how the segments were made."""
    method = METHOD_WORDS[spec.method]
    if spec.method == "rfm":
        return (
            "Each user who bought has three scores from 1 to 5: how lately, how often and for how much. The scores cut"
            " at the fifths of the users, equal values have one score, and frequency and money together make the"
            " columns of a five-by-five grid whose fields have the eleven usual names."
        )
    pulled = f"pulled in at {spec.winsorise:.0%} on each end" if spec.winsorise else "left as they are at the ends"
    logs = {"auto": "logarithms where the tail is long", "all": "logarithms wherever possible", "none": "no logarithms"}
    scales = {
        "standard": "divided by the standard deviation", "robust": "divided by the distance of the quartiles",
        "quantile": "replaced by their ranks", "none": "left in their units",
    }  # fmt: skip
    return (
        f"{method} over {many(len(found.features), 'feature')} of {many(found.n_users, 'user')}: {logs[spec.log]}, {pulled},"
        f" {scales[spec.scale]}. What is not known of a user counts as the median. A segment must hold at least 1 % of"
        " the users; those of a smaller one join the nearest. The numbers are those of the users looked at, with the"
        f" seed {spec.seed}: the same question gives the same segments."
    )
