"""The tab of tags: words for users who satisfy a rule, counted, listed and exported, beside what was learned of them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.cohorts.words import percent
from retention.errors import RetentionError, SpecError
from retention.features.spec_registry import REGISTRY
from retention.segments.answer_tags import label_values, saved_tags, tag_overlaps, tag_preview
from retention.segments.order_tags import count_tag, delete_tag, save_tag
from retention.segments.spec_tags import (
    HELD,
    MAX_CONDITIONS,
    MAX_NAME,
    FeatureCondition,
    TagSpec,
    TagUsersSpec,
    condition_words,
)
from retention.segments.tags import Overlaps, SavedTag, TagPreview
from retention.ui.answers import answer, catalogue, order
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import link_to, section
from retention.ui.words import many, moment, plain, short_moment

SIGNS = {">=": "at least (≥)", "<=": "at most (≤)", ">": "more than (>)", "<": "less than (<)", "=": "exactly (=)", "!=": "not (≠)"}
TEXT_SIGNS = {"=": "is (=)", "!=": "is not (≠)"}
FIRST_FEATURE = "share_night"
FIRST_VALUE = 40.0
DRAFT = "draft"
"""The name that a rule is tried under, before it has one."""
HOW = ("Choose", "Type")
ROWS = "tags_rows"
"""How many conditions the form has."""


def tags_panel(controls: Controls) -> None:
    """Write tags, list who has which, and show what else has been learned of users."""
    with section("Tags", "Words for users who satisfy a rule over features; one user may have many."):
        catalogue().require_clock()
        tags = answer(saved_tags)
        _list(tags)
        _picked(controls, tags)
    with section("Write a tag", "Whom does a rule fit? Count first, then save."):
        _write()
    if len(tags) > 1:
        with section("Tags together", "How many users have two of the tags at once?"):
            _overlaps(answer(tag_overlaps))


# What there is ---------------------------------------------------------------------------------------


def _list(tags: tuple[SavedTag, ...]) -> None:
    known = catalogue()
    zone = known.settings.timezone
    learned = answer(label_values)
    if not tags and not len(learned):
        st.info("There are no tags yet. Write the first one below.")
        return
    rows: list[dict[str, object]] = [
        {
            "Tag": tag.name, "Rule": tag.rule, "Users": tag.n, "Share": percent(tag.share), "Of": tag.n_users,
            "As of": short_moment(tag.cutoff_us, zone),
        }
        for tag in tags
    ]  # fmt: skip
    rows += [
        {
            "Tag": f"{row.label}: {row.value}", "Rule": "learned", "Users": row.n,
            "Share": percent(row.n / row.n_users) if row.n_users else "", "Of": row.n_users,
            "As of": short_moment(int(row.cutoff_us), zone),
        }
        for row in learned.itertuples(index=False)
    ]  # fmt: skip
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=min(38 + 35 * len(rows), 388),
        alt="Tags and learned labels, with how many users have each",
        column_config={name: st.column_config.NumberColumn(format="localized") for name in ("Users", "Of")},
    )
    if len(learned):
        st.caption("“Learned” are the saved segments: their rule is the model of the segmentation.")
    for tag in tags:
        if tag.fault:
            st.warning(plain(tag.fault))


def _picked(controls: Controls, tags: tuple[SavedTag, ...]) -> None:
    learned = answer(label_values)
    options = {f"{tag.label}={HELD}": f"{tag.name}: {many(tag.n, 'user')}" for tag in tags}
    options |= {
        f"{row.label}={row.value}": f"{row.label}: {row.value}: {many(int(row.n), 'user')}"
        for row in learned.itertuples(index=False)
    }
    place = st.empty()
    picked = controls.pick("tag", options, "List the users who have a tag", at=place)
    if not options:
        place.empty()  # drawn all the same, so that the address forgets a tag that is gone
    if picked is None:
        return
    label, _, value = picked.partition("=")
    chosen = next((tag for tag in tags if tag.label == label), None)
    if chosen is not None:
        _one(chosen)
    title = chosen.name if chosen is not None else f"{label}: {value}"
    members_panel(TagUsersSpec(label, value), title, note="" if chosen is None else chosen.rule, key="tag_members")


def _one(tag: SavedTag) -> None:
    known = catalogue()
    clock = known.require_clock()
    zone = known.settings.timezone
    with st.container(key="tag_chosen"):
        if tag.cutoff_us != clock.as_of_us:
            st.warning(
                f"Counted as of {moment(tag.cutoff_us, zone)}; the data now reach {moment(clock.as_of_us, zone)}, so"
                " others may have it by now."
            )
        with st.container(horizontal=True, gap="small"):
            link_to("cohorts", "Cohorts of these users", where=f"{tag.label}={HELD}")
            link_to("survival", "How long these users stay", where=f"{tag.label}={HELD}")
        with st.container(horizontal=True, gap="small"):
            is_old = tag.spec is not None and tag.cutoff_us != clock.as_of_us
            if st.button("Count anew", key="tag_count", disabled=not is_old):
                again = order(count_tag, tag.property_key, receipt=f"“{tag.name}” counted anew.")
                if again is not None:
                    st.rerun()
            with st.popover("Delete this tag", key="tag_delete"):
                st.markdown(f"“{plain(tag.name)}” and who had it will be gone. Saved audiences stay.")
                if st.button("Yes, delete it", key="tag_delete_yes"):
                    order(delete_tag, tag.property_key, receipt=f"“{tag.name}” deleted.")
                    st.rerun()


# Writing one -----------------------------------------------------------------------------------------


def _write() -> None:
    how = st.segmented_control("How", list(HOW), key="tags_how", default=HOW[0], required=True, label_visibility="collapsed")
    try:
        conditions = _typed() if how == HOW[1] else _chosen()
        if not conditions:
            return
        spec = TagSpec(DRAFT, conditions)
        preview = answer(tag_preview, spec)
    except RetentionError as error:
        st.info(plain(f"{error.message} {error.hint}".strip()))
        return
    _preview(preview)
    _save(conditions)


def _typed() -> tuple[FeatureCondition, ...]:
    text = st.text_input(
        "The rule",
        key="tags_typed",
        placeholder="share_night ≥ 40 % and orders ≥ 2",
        help="Conditions with “and” between them: a feature, one of ≥ ≤ > < = ≠, and a number or a text.",
    )
    with st.expander("The names of the features", key="tags_features", on_change="rerun") as panel:
        if panel.open:
            rows = [(f.name, f.title, f.unit, f.meaning) for f in REGISTRY.values()]
            st.dataframe(
                pd.DataFrame(rows, columns=["Name", "Feature", "Unit", "Meaning"]),
                hide_index=True, height=320, alt="Every feature with its unit and meaning",
            )  # fmt: skip
    return TagSpec.parse(f"{DRAFT}: {text}").conditions if text.strip() else ()


def _chosen() -> tuple[FeatureCondition, ...]:
    state = st.session_state
    n_rows = state.setdefault(ROWS, 1)
    conditions = tuple(_condition(i) for i in range(n_rows))
    with st.container(horizontal=True, gap="small"):
        if st.button("And one more condition", key="tags_more", disabled=n_rows >= MAX_CONDITIONS):
            state[ROWS] = n_rows + 1
            st.rerun()
        if st.button("Without the last one", key="tags_less", disabled=n_rows <= 1):
            state[ROWS] = n_rows - 1
            st.rerun()
    return conditions


def _condition(i: int) -> FeatureCondition:
    with st.container(key=f"tags_condition_{i}"):
        one, two, three = st.columns([2.4, 1.2, 1.2])
        names = list(REGISTRY)
        name = one.selectbox(
            "Feature" if i == 0 else f"and feature {i + 1}",
            names,
            index=names.index(FIRST_FEATURE if i == 0 else "orders"),
            key=f"tags_feature_{i}",
            format_func=lambda n: f"{REGISTRY[n].title} ({REGISTRY[n].unit})",
        )
        feature = REGISTRY[name]
        signs: Mapping[str, str] = TEXT_SIGNS if feature.kind == "category" else SIGNS
        sign = two.selectbox("is", list(signs), key=f"tags_sign_{i}_{feature.kind}", format_func=lambda s: signs[s])
        st.caption(f"{feature.meaning} Unit: {feature.unit}.")
        if feature.kind == "category":
            text = three.text_input("this text", key=f"tags_text_{i}_{name}", placeholder=f"A {feature.unit}")
            if not text.strip():
                raise SpecError(f"Write which {feature.unit} is meant.", hint="As it is in your data, capitals included.")
            return FeatureCondition(name, sign, text.strip())
        is_share = feature.unit == "share"
        value = three.number_input(
            "this many percent" if is_share else "this number",
            value=FIRST_VALUE if name == FIRST_FEATURE else 1.0,
            step=1.0,
            format="%g",
            key=f"tags_value_{i}_{name}",
        )
        return FeatureCondition(name, sign, value / 100 if is_share else float(value))


def _preview(found: TagPreview) -> None:
    zone = catalogue().settings.timezone
    said = " and ".join(condition_words(c.feature, c.operator, c.value) for c in found.spec.conditions)
    with st.container(key="tags_preview", border=True):
        st.markdown(f"**{many(found.n, 'user')} of {found.n_users:,} ({percent(found.share)})**: {plain(said)}")
        st.caption(
            f"As of {moment(found.cutoff_us, zone)}, from what had happened by then. Of whom a feature is not known,"
            " the condition does not hold."
        )
        if len(found.conditions) > 1:
            st.dataframe(
                pd.DataFrame(
                    {
                        "Condition by itself": found.conditions["condition"],
                        "Users": found.conditions["n"],
                        "Known of": found.conditions["n_known"],
                    }
                ),
                hide_index=True,
                height="content",
                alt="How many users each condition fits by itself",
                column_config={name: st.column_config.NumberColumn(format="localized") for name in ("Users", "Known of")},
            )


def _save(conditions: tuple[FeatureCondition, ...]) -> None:
    with st.form("tags_save", border=False, clear_on_submit=True):
        one, two = st.columns([3, 1], vertical_alignment="bottom")
        name = one.text_input("Name of the tag", max_chars=MAX_NAME, placeholder="For example: night shopper")
        is_sent = two.form_submit_button("Save the tag", type="primary", width="stretch")
    if is_sent:
        try:
            spec = TagSpec(" ".join(name.split()), conditions)
        except RetentionError as error:
            st.error(plain(f"{error.message} {error.hint}".strip()))
            return
        saved = order(save_tag, spec, receipt=f"Tag “{spec.name}” saved.")
        if saved is not None:
            st.session_state["tags_note"] = (
                f"“{saved.name}” is saved: {many(saved.n, 'user')} have it. It is now a filter and a breakdown on every"
                f" page, as {saved.label}."
            )
            st.rerun()
    if note := st.session_state.pop("tags_note", ""):
        st.success(plain(note))


# Several at once -------------------------------------------------------------------------------------


def _overlaps(found: Overlaps) -> None:
    if not found.names:
        st.markdown("Nobody has any of them.")
        return
    st.markdown(
        "; ".join(
            f"{many(int(row.n_users), 'user')} {'has' if row.n_users == 1 else 'have'} {many(int(row.n_tags), 'tag')}"
            for row in found.by_count.itertuples(index=False)
        )
        + "."
    )
    table = pd.DataFrame(
        [[one, *(found.n.get((one, other), 0) for other in found.names)] for one in found.names],
        columns=["Tag", *found.names],
    )
    st.dataframe(table, hide_index=True, height="content", alt="Users who have two tags at once")
    st.caption("Users with the tag of the row and that of the column; where they are the same, users with the tag.")
    download("the overlaps of tags", "tag-overlaps", lambda fmt: table_bytes(table, fmt, sheet="tags"), key="tag_overlaps")
