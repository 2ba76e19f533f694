"""Pictures of segments: the map, what sets each apart, and where its median user stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import isnan, log10
from typing import Any

from retention.cohorts.chart_frame import TICK_SIZE, layout, line, tint
from retention.cohorts.chart_look import DASHES, GROUPS, INKS, Figure
from retention.segments.plane import SegmentMap
from retention.segments.segmentation import NOWHERE

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "star", "cross", "pentagon", "hexagon", "triangle-down", "bowtie")
MAX_DIFFERENCE = 3.0
ROW_PX = 26


def segment_colour(segment: int, *, is_dark: bool) -> str:
    """Return the colour of a segment, the same in every picture; grey for who is in none."""
    colours = GROUPS[is_dark]
    return INKS[is_dark].faint if segment < 0 else colours[segment % len(colours)]


def _symbol(segment: int) -> str:
    return "circle-open" if segment < 0 else SYMBOLS[segment % len(SYMBOLS)]


def _named(segment: int, names: Sequence[str]) -> str:
    return NOWHERE if segment < 0 else names[segment]


def _axis_title(which: str, share: float) -> str:
    return f"{which} component ({share:.0%} of variance)"


def _map_layout(plane: SegmentMap, *, is_dark: bool, n_names: int) -> Figure:
    rows = -(-n_names // 4)
    grid = {"showgrid": True, "rangemode": "normal", "zeroline": False}
    return layout(
        is_dark=is_dark,
        x_title=_axis_title("First", plane.explained[0]),
        y_title=_axis_title("Second", plane.explained[1]),
        height=460 + 22 * rows,
        hovermode="closest",
        margin={"l": 56, "r": 12, "t": 30 + 22 * rows, "b": 52},
        xaxis=grid,
        yaxis=grid,
    )


def map_points(plane: SegmentMap, names: Sequence[str], *, is_dark: bool = False) -> Figure:
    """Draw users as points on the first two principal components, each segment in its colour and shape."""
    points = plane.points
    found = sorted({int(s) for s in points["segment"]}, key=lambda s: (s < 0, s))
    traces: list[Figure] = []
    for segment in found:
        mine = points[points["segment"] == segment]
        name = escape(_named(segment, names))
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [round(v, 2) for v in mine["x"]],
                "y": [round(v, 2) for v in mine["y"]],
                "marker": {
                    "size": 6,
                    "color": segment_colour(segment, is_dark=is_dark),
                    "symbol": _symbol(segment),
                    "opacity": 0.65,
                },
                "hovertemplate": f"{name}<extra></extra>",
            }
        )
    return {"data": traces, "layout": _map_layout(plane, is_dark=is_dark, n_names=len(found))}


def map_density(plane: SegmentMap, names: Sequence[str], *, is_dark: bool = False) -> Figure:
    """Draw how many users each square holds, in the colour of the segment that most of them are in."""
    ground = plane.ground()
    most = max(log10(float(ground["n"].max())), 0.3) if len(ground) else 1.0
    side_x, side_y = plane.side
    found = sorted({int(s) for s in ground["segment"]}, key=lambda s: (s < 0, s))
    traces: list[Figure] = []
    for segment in found:
        mine = ground[ground["segment"] == segment]
        colour, name = segment_colour(segment, is_dark=is_dark), escape(_named(segment, names))
        x, y = mine["x"].tolist(), mine["y"].tolist()
        # Bins of a fixed width, one square each: a heatmap would stretch its bricks over squares that hold nobody.
        traces.append(
            {
                "type": "histogram2d",
                "histfunc": "sum",
                "x": [round(v, 4) for v in x],
                "y": [round(v, 4) for v in y],
                "z": [round(0.15 + log10(n), 3) for n in mine["n"]],
                "xbins": {"start": min(x) - side_x / 2, "end": max(x) + side_x / 2, "size": side_x},
                "ybins": {"start": min(y) - side_y / 2, "end": max(y) + side_y / 2, "size": side_y},
                "zmin": 0,
                "zmax": round(most + 0.15, 3),
                "colorscale": [[0, tint(colour, 0)], [0.001, tint(colour, 0.25)], [1, tint(colour, 1)]],
                "showscale": False,
                "hoverinfo": "skip",
            }
        )
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [round(v, 2) for v in x],
                "y": [round(v, 2) for v in y],
                "marker": {"size": 7, "color": colour, "opacity": 0, "symbol": "square"},
                "customdata": [
                    f"{int(n):,} {'user' if n == 1 else 'users'}, {share:.0%} of them {name}"
                    for n, share in zip(mine["n"], mine["share"], strict=True)
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
                "showlegend": False,
            }
        )
        # The legend shows a marker of its own, for those above are transparent.
        traces.append(
            {
                "type": "scatter", "mode": "markers", "name": name, "x": [None], "y": [None], "hoverinfo": "skip",
                "marker": {"size": 11, "color": colour, "symbol": "square"},
            }
        )  # fmt: skip
    return {"data": traces, "layout": _map_layout(plane, is_dark=is_dark, n_names=len(found))}


def map_alt(plane: SegmentMap, names: Sequence[str]) -> str:
    """Describe the map to somebody who does not see it."""
    middle = plane.points.groupby("segment")[["x", "y"]].mean()
    parts = [
        f"{_named(int(segment), names)} around {row.x:.1f} and {row.y:.1f}"
        for segment, row in zip(middle.index, middle.itertuples(index=False), strict=True)
    ]
    return (
        f"Users on the first two principal components, which hold {sum(plane.explained):.0%} of the variance: "
        + "; ".join(parts)
        + "."
    )


def grid_figure(cells: Any, places: Mapping[str, int], *, is_dark: bool = False) -> Figure:
    """Draw the RFM grid: a field for each pair of scores with its name and its users, the more the stronger.

    Parameters
    ----------
    cells : DataFrame
        Of `grid_cells`.
    places : mapping of name to place
        Which segment a name is, for its colour.
    """
    ink = INKS[is_dark]
    rows = cells.to_dict("records")
    most = max((row["n"] for row in rows), default=1) or 1
    scores = sorted({row["value"] for row in rows})
    axis = {"tickvals": scores, "range": [0.5, len(scores) + 0.5], "showgrid": False, "rangemode": "normal"}
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "text",
                "x": [row["value"] for row in rows],
                "y": [row["recency"] for row in rows],
                "text": [f"{escape(row['name']).replace(' ', '<br>')}<br><b>{row['n']:,}</b>" for row in rows],
                "textfont": {"size": 11, "color": ink.text},
                "customdata": [
                    f"{escape(row['name'])}: {row['n']:,} {'user' if row['n'] == 1 else 'users'}, recency {row['recency']},"
                    f" frequency and money {row['value']}"
                    for row in rows
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
                "showlegend": False,
            }
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Frequency and money together, score from 1 (least) to 5 (most)",
            y_title="Recency, score from 1 (longest ago) to 5 (latest)",
            height=460,
            hovermode="closest",
            xaxis=axis,
            yaxis=axis,
            shapes=[
                {
                    "type": "rect", "x0": row["value"] - 0.48, "x1": row["value"] + 0.48, "y0": row["recency"] - 0.48,
                    "y1": row["recency"] + 0.48, "layer": "below", "line": {"width": 0},
                    "fillcolor": tint(
                        segment_colour(places[row["name"]], is_dark=is_dark), round(0.06 + 0.44 * row["n"] / most, 3)
                    ),
                }
                for row in rows
            ],
        ),
    }  # fmt: skip


def grid_alt(cells: Any) -> str:
    """Describe the grid to somebody who does not see it."""
    by_name = cells.groupby("name", sort=False)["n"].sum()
    said = "; ".join(f"{name} {n:,}" for name, n in by_name.items())
    return f"Grid of recency by frequency and money, scores from 1 to 5, with the users of each field: {said}."


def profile_figure(rows: Any, segment: int, *, is_dark: bool = False, reach: float = MAX_DIFFERENCE) -> Figure:
    """Draw how one segment differs from the average user, a bar a feature with its 95 % interval.

    Parameters
    ----------
    rows : DataFrame
        Of `Segmentation.profile`, of this segment alone, the first on top.
    reach : float
        How far the axis goes to either side, the same for all segments so that they can be compared.
    """
    ink, colour = INKS[is_dark], segment_colour(segment, is_dark=is_dark)
    bar: Figure = {
        "type": "bar",
        "orientation": "h",
        "x": [_or_none(v) for v in rows["difference"]],
        "y": [escape(_short(title)) for title in rows["title"]],
        "marker": {"color": colour},
        "customdata": [_difference_words(row) for row in rows.to_dict("records")],
        "hovertemplate": "%{customdata}<extra></extra>",
        "showlegend": False,
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [_or_none(h - v) for h, v in zip(rows["high"], rows["difference"], strict=True)],
            "arrayminus": [_or_none(v - low) for v, low in zip(rows["difference"], rows["low"], strict=True)],
            "color": ink.text,
            "thickness": 1.5,
            "width": 4,
        },
    }
    return {
        "data": [bar],
        "layout": layout(
            is_dark=is_dark,
            x_title="Standard deviations<br>from the average",
            height=106 + ROW_PX * max(len(rows), 1),
            hovermode="closest",
            bargap=0.35,
            margin={"l": 8, "r": 12, "t": 32, "b": 62},
            xaxis={"range": [-reach, reach], "zeroline": True, "zerolinecolor": ink.faint, "showgrid": True, "nticks": 7},
            yaxis={"type": "category", "autorange": "reversed", "showgrid": False, "rangemode": "normal"},
        ),
    }


def _or_none(value: float) -> float | None:
    return None if isnan(value) else round(value, 3)


def _short(title: str) -> str:
    return title if len(title) <= 27 else f"{title[:26]}…"


def _difference_words(row: Mapping[str, Any]) -> str:
    if isnan(row["difference"]):
        return f"{escape(row['title'])}: not known"
    spread = "" if isnan(row["low"]) else f" ({row['low']:+.2f} to {row['high']:+.2f})"
    return (
        f"{escape(row['title'])}: {row['difference']:+.2f} standard deviations{spread}"
        f"<br>mean {row['mean']:,.4g}, median {row['median']:,.4g} {escape(row['unit'])}, known of {row['n_known']:,} users"
    )


def profile_alt(rows: Any, name: str) -> str:
    """Describe what sets a segment apart to somebody who does not see it."""
    known = rows[rows["difference"].notna()]
    parts = [f"{r.title} {r.difference:+.1f}" for r in known.itertuples(index=False)]
    return f"{name}: difference from the average user in standard deviations: {'; '.join(parts)}."


def standing_figure(
    standing: Any, segments: Sequence[int], features: Sequence[str], *, names: Sequence[str], is_dark: bool = False
) -> Figure:
    """Draw parallel coordinates: for each feature, where the median user of each segment stands among all users.

    Parameters
    ----------
    standing : DataFrame
        Of `median_standing`.
    segments : sequence of int
        Segments to draw.
    features : sequence of str
        Features to draw, from top to bottom.
    names : sequence of str
        Of all segments.
    """
    ink = INKS[is_dark]
    traces: list[Figure] = []
    for segment in segments:
        name = escape(names[segment])
        mine = standing[standing["segment"] == segment].set_index("feature")
        rows = [mine.loc[feature] for feature in features]
        traces.append(
            line(
                name,
                [_or_none(row["standing"]) for row in rows],
                [],
                segment_colour(segment, is_dark=is_dark),
                dash=DASHES[segment % len(DASHES)],
                hover=f"{name}: %{{customdata}}<extra></extra>",
                customdata=[
                    f"the median, {row['median']:,.4g} {escape(row['unit'])}, is above {row['standing']:.0%} of all users"
                    for row in rows
                ],
            )
            | {"y": [escape(_short(row["title"])) for row in rows], "marker": {"size": 9, "symbol": _symbol(segment)}}
        )
    legend_rows = -(-len(segments) // 4)
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title="Share of all users who are below the segment’s median user",
            height=110 + 22 * legend_rows + 34 * len(features),
            hovermode="closest",
            margin={"l": 8, "r": 16, "t": 30 + 22 * legend_rows, "b": 52},
            xaxis={"range": [-0.02, 1.02], "tickformat": ".0%", "showgrid": True, "dtick": 0.25},
            yaxis={"type": "category", "autorange": "reversed", "rangemode": "normal"},
            shapes=[
                {
                    "type": "line", "x0": 0.5, "x1": 0.5, "y0": 0, "y1": 1, "yref": "paper",
                    "line": {"color": ink.faint, "width": 1.5, "dash": "dot"},
                }
            ],
        ),
    }  # fmt: skip


def standing_alt(standing: Any, names: Sequence[str]) -> str:
    """Describe the parallel coordinates to somebody who does not see them."""
    parts = []
    for name in names:
        mine = standing[(standing["name"] == name) & standing["standing"].notna()]
        said = ", ".join(f"{row.title} {row.standing:.0%}" for row in mine.itertuples(index=False))
        parts.append(f"{name}: {said}")
    return f"Share of all users below the median user of each segment. {'; '.join(parts)}."


def variance_figure(shares: Sequence[float], *, is_dark: bool = False) -> Figure:
    """Draw how much of the variance of the features each principal component keeps."""
    colours = GROUPS[is_dark]
    return {
        "data": [
            {
                "type": "bar",
                "x": [str(i + 1) for i in range(len(shares))],
                "y": [round(v, 4) for v in shares],
                "marker": {"color": colours[0]},
                "hovertemplate": "Component %{x}: %{y:.1%} of the variance<extra></extra>",
                "showlegend": False,
            }
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Principal component",
            y_title="Share of the variance of all features",
            y_format=".0%",
            height=260,
            hovermode="closest",
            xaxis={"type": "category", "tickfont": {"size": TICK_SIZE, "color": INKS[is_dark].faint}},
        ),
    }
