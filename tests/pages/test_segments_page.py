"""The Segments page: tune, see, name and save, and one kind sentence for whatever cannot be done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from retention.segments.model_rfm import NAMES
from retention.store import Store
from retention.ui import segments_controls, segments_look
from tests.pages.conftest import texts
from tests.worlds import diary, store_of

Open = Callable[..., AppTest]
# Four come every day and four once a week; of either kind two live in Aix and two in Bonn.
WORLD = "\n".join(
    f"{kind}{n}: " + " ".join(f"{day}?city={'Aix' if n < 2 else 'Bonn'}" for day in days)
    for kind, days in (("daily", range(1, 29)), ("weekly", range(1, 29, 7)))
    for n in range(4)
)
TWO = {"preset": "own", "more": ["active_days"], "k": "2"}


@pytest.fixture
def eight() -> Store:
    """Return the world above."""
    return store_of(diary(WORLD), as_of="2026-01-29")


def sizes(at: AppTest) -> dict[str, int]:
    """Return how many users each segment holds, by the first table of the page."""
    table = at.dataframe[0].value
    return dict(zip(table["Segment"], table["Users"], strict=True))


def advice(at: AppTest) -> str:
    """Return the one sentence that stands in for what cannot be shown; the rest of the page is there."""
    assert "Share this view" in [s.value for s in at.subheader]
    assert not at.exception
    [said] = [i.value for i in at.info]
    return str(said)


def field(at: AppTest, label: str):
    """Return the text field that begins with a label."""
    [found] = [t for t in at.text_input if t.label.startswith(label)]
    return found


def press(at: AppTest, label: str) -> AppTest:
    """Press the button of a label."""
    [found] = [b for b in at.button if b.label == label]
    return found.click().run()


def test_two_kinds_of_users_are_two_segments(show: Open, eight: Store) -> None:
    at = show(eight, "segments", **TWO)
    assert sorted(sizes(at).values()) == [4, 4]
    said = texts(at)
    assert "2 segments of 8 users" in said and "holds 50.0 % of them" in said
    assert "As of 29 January 2026, 00:00 UTC." in said
    # 28 days against 4: the tree needs no more than one cut, and it is never wrong.
    assert "which puts 100 % of the users where they are" in said
    assert "active days \\> 16" in said and "active days ≤ 16" in said
    # Half are 12 above the mean of 16 and half 12 below it: one standard deviation each.
    table = {c.proto.spec for c in at.get("plotly_chart")}
    bars = [trace for text in table for trace in json.loads(text)["data"] if trace["type"] == "bar"]
    assert sorted(bar["x"] for bar in bars) == [[-1.0], [1.0]]


def test_the_controls_are_in_the_address_and_the_address_restores_them(show: Open, eight: Store) -> None:
    wanted = {**TWO, "method": "mixture", "min_days": "2", "winsorise": "0", "seed": "7", "scale": "robust", "log": "none"}
    at = show(eight, "segments", **wanted)
    told = {name: value if isinstance(value, list) else [value] for name, value in wanted.items()}
    assert {name: at.query_params[name] if isinstance(at.query_params[name], list) else [at.query_params[name]] for name in told} == told
    assert [n.value for n in at.number_input] == [2, 2, 0, 7]


def test_an_address_that_cannot_be_read_is_said_and_defaults_stand_in(show: Open, eight: Store) -> None:
    at = show(eight, "segments", **TWO, seed="many", method="magic", scale="fish")
    said = at.warning[0].value
    assert "“seed” must be a whole number from 0 to 999999999, not “many”" in said
    assert "“method” cannot be “magic”" in said and "“scale” cannot be “fish”" in said
    assert sum(sizes(at).values()) == 8


def test_the_recommended_days_are_the_default_only_where_enough_users_have_them(
    show: Open, eight: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments_controls, "ENOUGH_USERS", 4)
    long = "\n".join(f"u{n}: " + " ".join(f"2026-0{m}-{d:02d}" for m in (1, 2) for d in range(1, 22 - n)) for n in range(5))
    # Of five users 42, 40, 38, 36 and 34 active days: too few with 40.
    at = show(store_of(diary(long)), "segments", k="2", preset="habits")
    assert "fewer than" not in texts(at) and sum(sizes(at).values()) == 5
    longer = long.replace("u0", "v0").replace("u1", "v1")
    both = "\n".join([*long.splitlines()[:2], *longer.splitlines()[:2], "late: 2026-02-01"])
    at = show(store_of(diary(both)), "segments", k="2", preset="habits")
    assert "1 user with fewer than 40 active days is left out" in texts(at) and sum(sizes(at).values()) == 4
    # What is counted needs no forty days.
    at = show(store_of(diary(both)), "segments", k="2", preset="engagement")
    assert sum(sizes(at).values()) == 5


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        # Bought and visited, by day and by night, after gaps of their own: three habits.
        ("a: 1 3T23:00/purchase 5\nb: 1/purchase 8 15T23:00\nc: 1 2 3", "Habits"),
        # All at noon, and every day with an order: only the gaps differ.
        ("a: 1/purchase 3/purchase\nb: 1/purchase 8/purchase", "Commerce"),
        ("a: 1 3\nb: 1 8", "Engagement"),
    ],
)
def test_the_features_to_begin_with_are_those_that_the_store_knows(show: Open, world: str, expected: str) -> None:
    at = show(store_of(diary(world)), "segments", k="2")
    [presets] = [g for g in at.button_group if g.label == "What makes users alike"]
    assert [segments_controls.PRESET_WORDS[str(presets.value)]] == [expected]
    assert dict(at.query_params) == {"k": "2"}


def test_a_filter_takes_users_away_before_they_are_divided(show: Open, eight: Store) -> None:
    at = show(eight, "segments", where="city=Aix", **TWO)
    assert sorted(sizes(at).values()) == [2, 2]


def test_an_earlier_date_sees_only_what_was_known_then(show: Open, eight: Store) -> None:
    at = show(eight, "segments", as_of="2026-01-09", **TWO)
    assert "As of 9 January 2026, 00:00 UTC." in texts(at)
    assert "active days ≤ 5" in texts(at)  # 8 days against the 1st and the 8th: the middle is 5


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"k": "9"}, "There must be at least as many users as segments, not 8 users for 9 segments."),
        ({"more": ["event_kinds"]}, "No feature tells users apart: Kinds of activity is the same for all."),
        ({"more": ["orders"]}, "None of the features is known: The store holds no"),
        ({"more": ["searches", "stars_mean"]}, "None of the features is known: The store holds no event before the cut-off"),
        ({"method": "rfm"}, "The RFM grid needs orders: The store holds no"),
        ({"as_of": "2027-01-01"}, "The cut-off must not be later than"),
        ({"as_of": "2020-01-01"}, "Nobody was active before the cut-off."),
        ({"min_days": "29"}, "Nobody has 29 active days yet."),
        ({"k": "3"}, "There must be at least 3 users who differ from one another, but they do not."),
    ],
)
def test_what_cannot_be_divided_is_one_sentence_and_the_page_stands(
    show: Open, eight: Store, asked: dict[str, object], sentence: str
) -> None:
    assert advice(show(eight, "segments", **{**TWO, **asked})).startswith(sentence)


def test_without_a_feature_the_recommended_ones_stand_in(show: Open, eight: Store) -> None:
    at = show(eight, "segments", preset="own", k="2")
    assert advice(at).startswith("No feature is chosen, so those of “Engagement” stand in")
    assert sorted(sizes(at).values()) == [4, 4]


def test_a_text_in_the_data_is_never_markup(show: Open) -> None:
    world = WORLD.replace("city=Aix", "city=[a](http://b)")
    at = show(store_of(diary(world), as_of="2026-01-29"), "segments", where="city=[a](http://b)", **TWO)
    assert sorted(sizes(at).values()) == [2, 2]


def test_moving_k_does_not_read_the_features_again(
    show: Open, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    read = segments_controls.user_features
    monkeypatch.setattr(segments_controls, "user_features", lambda store, spec: asked.append(spec) or read(store, spec))
    at = show(sample, "segments")
    n_read = len(asked)
    assert n_read == 2  # how many have enough active days, and the features themselves
    for k in (5, 6):
        at.number_input[0].set_value(k).run()
        assert len(sizes(at)) == k
    assert len(asked) == n_read
    [more] = [m for m in at.multiselect if m.label == "Features to add"]
    more.set_value(["searches"]).run()
    assert len(asked) == n_read + 1


def test_the_autoencoder_is_offered_only_where_torch_is(
    show: Open, eight: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments_controls, "find_spec", lambda name: None)
    at = show(eight, "segments", **TWO)
    [reductions] = [g for g in at.button_group if g.label == "Fewer columns first"]
    assert list(reductions.options) == ["None", "Principal components"]
    assert "where the library torch is installed" in texts(at)


def test_principal_components_say_how_much_they_keep(show: Open, eight: Store) -> None:
    # Active days and days known go together or not at all, so one component cannot keep less than half.
    asked = {**TWO, "more": ["active_days", "gap_last"], "reduction": "pca", "components": "1"}
    said = texts(show(eight, "segments", **asked))
    # Who comes daily has 28 days and gaps of 1, who comes weekly 4 and 7: a straight line, which one component keeps.
    assert "Together 100 % of the variance of 2 features" in said


def test_names_that_were_typed_stay_while_other_tabs_are_open_and_belong_to_their_segments(
    show: Open, eight: Store
) -> None:
    at = show(eight, "segments", **TWO)
    field(at, "Segment 1").set_value("Regulars").run()
    assert "**Regulars** – 4 users" in texts(at) and "- **Regulars**: active days" in texts(at)
    assert sizes(at)["Regulars"] == 4
    at.session_state["segments_v_tab"] = "How sure"
    at.run()
    assert not [t for t in at.text_input if t.label.startswith("Segment 1")]
    at.session_state["segments_v_tab"] = "Tune"
    at.run()
    assert field(at, "Segment 1").value == "Regulars"
    # Other settings make other segments: the name does not jump to one of them.
    at.number_input[0].set_value(3).run()
    at.number_input[0].set_value(2).run()
    assert field(at, "Segment 1").value == "Regulars"


def test_what_is_saved_is_a_filter_on_the_other_pages(show: Open, eight: Store) -> None:
    at = show(eight, "segments", **TWO)
    field(at, "Segment 1").set_value("Regulars").run()
    field(at, "Save these segments as").set_value("Rhythm")
    at = press(at, "Save")
    assert "“segment:Rhythm v1” holds 8 users in 2 segments." in texts(at)
    [population] = [m for m in at.multiselect if m.label == "Only some users"]
    assert "segment:Rhythm v1" in population.options
    path = eight.path
    at.query_params.clear()
    at = show(path, "cohorts", where="segment:Rhythm v1=Regulars", period="week")
    assert "4 users" in texts(at)


def test_two_segments_of_one_name_are_not_saved_and_the_names_stay(show: Open, eight: Store) -> None:
    at = show(eight, "segments", **TWO)
    field(at, "Segment 1").set_value("Both").run()
    field(at, "Segment 2").set_value("Both").run()
    field(at, "Save these segments as").set_value("Rhythm")
    at = press(at, "Save")
    assert len(at.error) == 1 and "Both" in at.error[0].value
    assert field(at, "Segment 1").value == "Both"
    at = press(at, "Save")
    assert "must have a name of 1 to 60 characters" in at.error[0].value


def test_the_grid_has_its_eleven_names_and_who_never_bought_is_in_no_segment(show: Open, sample: Path) -> None:
    at = show(sample, "segments", method="rfm")
    found = sizes(at)
    assert list(found)[:11] == list(NAMES) and list(found)[11:] in ([], ["In no segment"])
    assert "A convention of the trade" in texts(at)
    assert not [n for n in at.number_input if n.label.startswith("Number of segments")]


def test_hdbscan_says_how_many_lie_between_the_segments(show: Open, sample: Path) -> None:
    at = show(sample, "segments", method="hdbscan", preset="engagement")
    said = texts(at)
    assert "segment" in said
    if "In no segment" in (found := sizes(at)):
        assert f"{found['In no segment']:,} users lie between the segments and are in none." in said


def test_many_users_are_drawn_as_a_density_first(show: Open, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_look, "MAP_POINTS", 5)
    at = show(sample, "segments")
    kinds = {trace["type"] for c in at.get("plotly_chart") for trace in json.loads(c.proto.spec)["data"]}
    assert "histogram2d" in kinds
    assert "a square has the colour of the segment that most of its users are in" in texts(at)


def test_more_segments_and_features_than_fit_are_cut_and_it_is_said(show: Open, sample: Path) -> None:
    at = show(sample, "segments", k="8", preset="engagement")
    said = texts(at)
    assert "The 6 largest of 8 segments are drawn; the tables hold all." in said
    assert "features in which the segments differ most are drawn." in said
    assert len([c for c in at.get("plotly_chart") if '"type":"bar"' in c.proto.spec]) == 6


@pytest.mark.parametrize(
    ("tab", "header", "has_controls"),
    [
        ("Tune", "Who is alike", True),
        ("How sure", "How sure are these segments?", True),
        ("What they did next", "What they did next", True),
        ("Saved", "Saved segmentations", False),
        ("Tags", "Tags", False),
    ],
)
def test_every_tab_answers_and_the_settings_stand_only_above_those_they_change(
    show: Open, sample: Path, tab: str, header: str, *, has_controls: bool
) -> None:
    at = show(sample, "segments", tab=tab, k="3")
    assert header in [h.value for h in at.header]
    assert any(g.label == "Method" for g in at.button_group) is has_controls
    # What is not drawn keeps its part of the address.
    assert dict(at.query_params)["k"] in ("3", ["3"])


def test_a_store_without_data_says_what_to_do(show: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retention.ui.frame.first_start", lambda store: None)
    path = tmp_path / "empty.duckdb"
    Store.create_or_open(path).close()
    at = show(path, "segments")
    assert not at.exception and len(at.subheader) >= 1
