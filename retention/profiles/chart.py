"""One user as pictures: figures as plain dictionaries."""

from __future__ import annotations

from retention.behaviour.week_hours import WEEKDAY_NAMES
from retention.cohorts.chart_frame import TICK_SIZE, bars, layout
from retention.cohorts.chart_look import GROUPS, INKS, SHARES, Figure
from retention.profiles.profile import OTHER, Profile, Standing, Timeline
from retention.profiles.words import place_words, timeline_title, value_words


def timeline_bars(found: Timeline, timezone: str, *, is_dark: bool = False) -> Figure:
    """Draw a user's events by week, stacked by kind; what goes on is hatched, what touches a gap crossed."""
    frame = found.frame
    x = [on.isoformat() for on in frame["on"]]
    pattern = [
        "x" if gap else "/" if state == "in_progress" else ""
        for state, gap in zip(frame["state"], frame["touches_gap"], strict=True)
    ]
    traces = []
    for i, kind in enumerate(found.kinds):
        colour = INKS[is_dark].faint if kind == OTHER and found.merged else GROUPS[is_dark][i % len(GROUPS[is_dark])]
        traces.append(
            bars(
                kind, x, [int(n) for n in frame[kind]], colour,
                hover="%{y}",
                marker={"color": colour, "pattern": {"shape": pattern, "fillmode": "overlay", "fgopacity": 0.5}},
            )
        )  # fmt: skip
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title=f"{found.period.capitalize()} (its first day, {timezone})",
            y_title=timeline_title(found.period),
            is_time=True,
            height=320,
            barmode="stack",
            bargap=0.15,
            legend=_legend(is_dark=is_dark),
            yaxis={"tickformat": ",d"},
        ),
    }


def _legend(*, is_dark: bool) -> Figure:
    """Lay the legend of a stack out in the order in which its parts are drawn."""
    font = {"size": TICK_SIZE, "color": INKS[is_dark].text}
    return {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal", "font": font}


def standing_dots(among: Standing, most: int, *, is_dark: bool = False) -> Figure:
    """Draw where a user stands among all, of the features that are farthest from the middle.

    Notes
    -----
    A grey line from 0 to 100 % is all the users of whom the feature is known, in order; the dot is the user, the tick
    in the middle the user whom half exceed.
    """
    ink, colour = INKS[is_dark], GROUPS[is_dark][0]
    rows = among.remarkable(most).iloc[::-1]
    titles = rows["title"].tolist()
    rails: list[float | None] = []
    names: list[str | None] = []
    for title in titles:
        rails += [0.0, 1.0, None]
        names += [title, title, None]
    texts = [
        f"{r.title}: {value_words(r.value, r.unit)}<br>{place_words(r.below, r.equal, r.n_known)}"
        for r in rows.itertuples(index=False)
    ]
    return {
        "data": [
            {
                "type": "scatter", "mode": "lines", "x": rails, "y": names, "line": {"color": ink.line, "width": 4},
                "hoverinfo": "skip", "showlegend": False,
            },
            {
                "type": "scatter", "mode": "markers", "x": [0.5] * len(titles), "y": titles,
                "marker": {"symbol": "line-ns", "size": 11, "line": {"color": ink.faint, "width": 2}},
                "hoverinfo": "skip", "name": "the middle user",
            },
            {
                "type": "scatter", "mode": "markers", "x": [round(p, 4) for p in rows["place"]], "y": titles,
                "marker": {"size": 12, "color": colour},
                "customdata": [[text] for text in texts], "hovertemplate": "%{customdata[0]}<extra></extra>",
                "name": "this user",
            },
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Share of the users with less",
            height=110 + 38 * max(len(titles), 1),
            hovermode="closest",
            # The names stand over their lines and not beside them, so that a phone has room for both.
            annotations=[
                {
                    "x": 0, "y": title, "text": title, "xanchor": "left", "yanchor": "bottom", "yshift": 4,
                    "showarrow": False, "font": {"size": TICK_SIZE, "color": ink.text},
                }
                for title in titles
            ],
            xaxis={"tickformat": ".0%", "range": [-0.02, 1.04], "tickvals": [0, 0.5, 1], "tickangle": 0},
            yaxis={
                "type": "category", "showgrid": False, "rangemode": "normal", "showticklabels": False,
                "range": [-0.5, max(len(titles), 1) - 0.2],
            },
            margin={"l": 8, "r": 16, "t": 56, "b": 52},
        ),
    }  # fmt: skip


def standing_alt(among: Standing, most: int) -> str:
    """Describe the dots to somebody who does not see them."""
    said = "; ".join(
        f"{r.title} {value_words(r.value, r.unit)}, {place_words(r.below, r.equal, r.n_known)}"
        for r in among.remarkable(most).itertuples(index=False)
    )
    return f"Where the user stands among all users, feature by feature: {said}."


def weekday_bars(profile: Profile, order: list[int], *, is_dark: bool = False) -> Figure:
    """Draw on how many days of each weekday a user was active."""
    n_days = sum(profile.weekdays)
    return {
        "data": [
            bars(
                "Days",
                [WEEKDAY_NAMES[d][:3] for d in order],
                [profile.weekdays[d] for d in order],
                GROUPS[is_dark][0],
                hover="%{x}: %{y} of " + f"{n_days:,} active days<extra></extra>",
            )
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title=f"Weekday ({profile.clock.timezone})",
            y_title=f"Days of {n_days:,} active days",
            height=240,
            hovermode="closest",
            showlegend=False,
            xaxis={"type": "category", "tickangle": 0},
            yaxis={"tickformat": ",d"},
            margin={"l": 56, "r": 12, "t": 12, "b": 52},
        ),
    }


def weekday_alt(profile: Profile) -> str:
    """Describe the weekdays to somebody who does not see them."""
    said = ", ".join(f"{name} {n}" for name, n in zip(WEEKDAY_NAMES, profile.weekdays, strict=True))
    return f"Active days of the user by weekday: {said}."


def category_bars(names: list[str], bought: list[int], seen: list[int], *, is_dark: bool = False) -> Figure:
    """Draw how often a user bought of each category, and otherwise named it; the first at the top."""
    colour, faint = GROUPS[is_dark][0], SHARES[is_dark][3]
    lying = {"orientation": "h"}
    return {
        "data": [
            bars("bought", bought[::-1], names[::-1], colour, hover="%{x} times bought<extra>%{y}</extra>", **lying),  # type: ignore[arg-type]
            bars("looked at", seen[::-1], names[::-1], faint, hover="%{x} times<extra>%{y}</extra>", **lying),  # type: ignore[arg-type]
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Times",
            height=96 + 30 * max(len(names), 1),
            hovermode="closest",
            barmode="stack",
            legend=_legend(is_dark=is_dark),
            xaxis={"tickformat": ",d", "rangemode": "tozero"},
            yaxis={"type": "category", "showgrid": False, "rangemode": "normal"},
            margin={"l": 8, "r": 16, "t": 40, "b": 52},
        ),
    }
