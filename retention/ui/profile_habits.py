"""Parts of the Profile page: interests, hours, orders, what was written, and what campaigns sent."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from retention.behaviour.chart_hours import user_bars, week_order
from retention.behaviour.week_hours import WEEKDAY_NAMES
from retention.behaviour.words_hours import hours_words, user_verdict
from retention.periods import date_of
from retention.profiles.chart import category_bars, weekday_alt, weekday_bars
from retention.profiles.profile import Profile, category_table
from retention.profiles.spec import MOST_ROWS
from retention.profiles.words import contacts_words, day_words, many, money
from retention.ui.answers import drawn
from retention.ui.behaviour import twin
from retention.ui.charts import chart, is_dark
from retention.ui.words import plain, short_moment

MOST_CATEGORIES = 10
LEAST_HEIGHT, ROW_HEIGHT, MOST_HEIGHT = 38, 35, 318


def _key(profile: Profile) -> tuple[object, ...]:
    return profile.pseudonym, profile.data_version, is_dark()


def _list(frame: pd.DataFrame, alt: str) -> None:
    """Draw a list, cut where it gets long; what is cut is said."""
    st.dataframe(
        frame.head(MOST_ROWS),
        hide_index=True,
        height=min(LEAST_HEIGHT + ROW_HEIGHT * len(frame), MOST_HEIGHT),
        placeholder="",
        alt=alt,
    )
    if len(frame) > MOST_ROWS:
        st.caption(f"The first {MOST_ROWS} of {len(frame):,}.")


def _named(frame: pd.DataFrame) -> list[str | None]:
    named = frame["item_name"].fillna(frame["item"])
    return [None if pd.isna(name) else str(name) for name in named]


def interests_part(profile: Profile) -> None:
    """Show the categories and items that a user bought and looked at."""
    items = profile.items
    if items.empty:
        st.markdown("No activity of this user names an item.")
        return
    categories = category_table(items)
    zone = profile.clock.timezone
    if len(categories):
        shown = categories.head(MOST_CATEGORIES)
        names = shown["category"].astype(str).tolist()
        bought = shown["n_bought"].astype(int).tolist()
        rest = (shown["n"] - shown["n_bought"]).astype(int).tolist()
        figure = drawn("profile categories", _key(profile), lambda: category_bars(names, bought, rest, is_dark=is_dark()))
        said = ", ".join(f"{name} {b:,} bought and {r:,} otherwise" for name, b, r in zip(names, bought, rest, strict=True))
        chart(figure, alt=f"Categories, the most bought first: {said}.", key="profile_categories", file_name="user-interests")
        st.caption(
            "How often an item of the category was bought, and how often it was looked at or otherwise named; refunds"
            " are not taken off."
            + (f" The {MOST_CATEGORIES} most bought of {len(categories)}." if len(categories) > MOST_CATEGORIES else "")
        )
        table = pd.DataFrame(
            {"Category": categories["category"], "Bought": categories["n_bought"], "Named in all": categories["n"]}
        )
        twin(table, "The categories as a table", "categories_twin")
    st.markdown(f"**{many(len(items), 'item')}, the most bought first**")
    _list(
        pd.DataFrame(
            {
                "Item": items["name"].fillna(items["item"]).astype(str),
                "Category": items["category"],
                "Bought": items["n_bought"],
                "Named in all": items["n"],
                "Last": [short_moment(int(us), zone) for us in items["last_us"]],
            }
        ),
        "Items that the user bought or looked at",
    )


def hours_part(profile: Profile) -> None:
    """Show at which hours and on which weekdays a user is active."""
    hours = profile.hours
    st.markdown(f"**{plain(user_verdict(hours))}**")
    if not hours.n_active:
        return
    one, two = st.columns(2)
    order = week_order(profile.clock.week_start)
    with one:
        figure = drawn("profile hours", _key(profile), lambda: user_bars(hours, is_dark=is_dark()))
        alt = f"On how many days the user was active at each hour of the day. {user_verdict(hours)}"
        chart(figure, alt=alt, key="profile_hours", file_name="user-hours")
    with two:
        figure = drawn("profile weekdays", _key(profile), lambda: weekday_bars(profile, order, is_dark=is_dark()))
        chart(figure, alt=weekday_alt(profile), key="profile_weekdays", file_name="user-weekdays")
    st.caption("Left: days with activity in the hour; the usual hours stand out. Right: active days by weekday.")
    rows = [("Hour", hours_words([int(h)]), int(n)) for h, n in zip(hours.counts["hour"], hours.counts["n"], strict=True)]
    rows += [("Weekday", WEEKDAY_NAMES[d], profile.weekdays[d]) for d in order]
    twin(pd.DataFrame(rows, columns=["By", "Place", "Days active"]), "Hours and weekdays as a table", "hours_twin")


def orders_part(profile: Profile) -> None:
    """Show a user's orders and refunds by day."""
    orders = profile.orders
    if orders.empty:
        st.markdown("This user has not ordered anything.")
        return
    gross, refunded = float(orders["gross"].sum()), float(orders["refunded"].sum())
    st.markdown(
        f"**{many(profile.n_orders, 'order')} for {money(gross)}; {money(refunded)} of it paid back, {money(profile.net)}"
        " left.**"
    )
    latest = orders.iloc[::-1]
    _list(
        pd.DataFrame(
            {
                "Day": [day_words(date_of(int(d))) for d in latest["day"]],
                "Orders": latest["n_orders"].astype(int),
                "Revenue": [money(v) for v in latest["gross"]],
                "Refunded": [money(v) for v in latest["refunded"]],
                "Left": [money(v) for v in latest["net"]],
            }
        ),
        "Orders of the user by day, the latest first",
    )
    st.caption("A refund is booked on the day of its order; one without an order that day stands on its own day.")


def voices_part(profile: Profile) -> None:
    """Show what a user wrote in reviews and searched for."""
    reviews, searches, zone = profile.reviews, profile.searches, profile.clock.timezone
    if reviews.empty and searches.empty:
        st.markdown("This user wrote no review, and no search of theirs has a text.")
        return
    if len(reviews):
        st.markdown(f"**{many(len(reviews), 'review')}, the latest first**")
        columns: dict[str, object] = {"When": [short_moment(int(us), zone) for us in reviews["occurred_us"]]}
        for title, texts in (("Stars", reviews["stars"]), ("Item", pd.Series(_named(reviews))), ("Text", reviews["text"])):
            if texts.notna().any():
                columns[title] = [None if pd.isna(v) else str(v) for v in texts]
        _list(pd.DataFrame(columns), "Reviews of the user")
    if len(searches):
        st.markdown(f"**{many(int(searches['n'].sum()), 'search', 'searches')}, the commonest first**")
        _list(
            pd.DataFrame(
                {
                    "Searched for": searches["text"].astype(str),
                    "Times": searches["n"].astype(int),
                    "Last": [short_moment(int(us), zone) for us in searches["last_us"]],
                }
            ),
            "Searches of the user",
        )


def contacts_part(profile: Profile) -> None:
    """Show what campaigns sent to a user."""
    contacts, zone = profile.contacts, profile.clock.timezone
    if contacts.empty:
        st.markdown("The store holds no contact of this user by a campaign.")
        return
    st.markdown(f"**{contacts_words(contacts)}**")
    columns: dict[str, object] = {
        "When": [short_moment(int(us), zone) for us in contacts["occurred_us"]],
        "Event": contacts["event"].astype(str),
    }
    for name, title in (("campaign", "Campaign"), ("arm", "Group")):
        if contacts[name].notna().any():
            columns[title] = [None if pd.isna(v) else str(v) for v in contacts[name]]
    columns["Sent"] = ["yes" if sent else "no: control group" for sent in contacts["is_sent"]]
    _list(pd.DataFrame(columns), "Contacts of the user by campaigns, the latest first")
