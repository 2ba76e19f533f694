"""The Experiments page: what it says of campaigns, plans, files of units, and what was learned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from retention.ingest import sample_laws as laws
from tests.pages.conftest import texts
from tests.worlds import diary, store_of

Open = Callable[..., AppTest]
AUTUMN, NEW_YEAR = laws.CAMPAIGNS[3].name, laws.CAMPAIGNS[2].name


def test_without_a_campaign_it_says_what_to_do(show: Open):
    at = show(store_of(diary("ann: 1 2\n bob: 3")), page="experiments")
    assert "The store knows of no campaign yet" in texts(at)


def test_a_campaign_of_the_shop_is_read(show: Open, sample: Path):
    at = show(sample, page="experiments", campaign=AUTUMN, window="14", by="device", contact="0.5")
    said = texts(at)
    assert "Exposed on 16 September 2025: control" in said
    assert "The groups have the size that was meant" in said
    assert "Retained within 14 days: treatment against control" in said
    assert [header.value for header in at.header] == [
        AUTUMN, "What changed", "For whom", "What it cost", "Age by age", "How long they stayed", "Keep what was learned",
    ]  # fmt: skip
    assert "By device" in [sub.value for sub in at.subheader]
    assert len(at.get("plotly_chart")) == 5


def test_sizes_that_were_not_meant_come_first_and_nothing_else_is_shown(show: Open, sample: Path):
    at = show(sample, page="experiments", campaign=NEW_YEAR, window="14", by="device", method="sequential")
    assert "The groups are not the size that was meant" in at.error[0].value
    assert "name their shares above" in at.error[0].value
    assert "Do not read the effects" in texts(at)
    assert [header.value for header in at.header] == [NEW_YEAR, "What changed"]
    # 30 % were meant to be left alone: with that said, it is read.
    at = show(sample, page="experiments", campaign=NEW_YEAR, window="14", share="30")
    assert not at.error and "Age by age" in [header.value for header in at.header]


def test_what_has_not_passed_yet_is_in_progress(show: Open, sample: Path):
    at = show(sample, page="experiments", campaign=AUTUMN, window="365")
    assert "In progress: nobody's 365 days have passed yet. It is complete on 16 September 2026." in texts(at)
    assert not at.get("plotly_chart")


def test_what_was_learned_goes_into_the_archive_and_out_again(show: Open, sample: Path):
    at = show(sample, page="experiments", campaign=AUTUMN, window="14")
    learned = "Care brings *some* of them back."
    at.text_area(key="experiment_learned").set_value(learned)
    next(button for button in at.button if button.label == "Keep in the archive").click().run()
    assert not at.exception and f"“{AUTUMN}” is in the archive" in texts(at)
    at = show(sample, page="experiments", tab="Archive")
    said = texts(at)
    assert "1 experiment kept" in said and "Care brings \\*some\\* of them back." in said
    table = next(frame.value for frame in at.dataframe if "Campaign" in frame.value)
    assert table["Campaign"].tolist() == [AUTUMN] and table["Outcome"].tolist() == ["retained within 14 days"]
    at.button(key="archive_forget_0").click().run()
    assert "Nothing has been kept yet" in texts(at)


def test_words_that_are_missing_are_asked_for(show: Open, sample: Path):
    at = show(sample, page="experiments", campaign=AUTUMN, window="14")
    next(button for button in at.button if button.label == "Keep in the archive").click().run()
    assert "What was learned must be said in 1 to 500 characters." in at.error[0].value


def test_a_plan_starts_from_the_store(show: Open, sample: Path):
    at = show(sample, page="experiments", tab="Plan", effect="6")
    said = texts(at)
    assert "users active in the 90 days before" in said and "It takes " in said
    assert len(at.get("plotly_chart")) == 1
    at = show(sample, page="experiments", tab="Plan", effect="0")
    assert "The smallest effect worth having must be a number other than 0" in texts(at)


def test_a_plan_of_money_starts_from_what_users_spend(show: Open, sample: Path):
    at = show(sample, page="experiments", tab="Plan", metric="revenue")
    assert "net revenue within 28 days" in texts(at) and not at.exception


def test_an_address_that_cannot_be_read_is_said(show: Open, sample: Path):
    at = show(sample, page="experiments", window="soon")
    assert "“window” must be a whole number" in texts(at)


# A file of units -----------------------------------------------------------------------------------------

PAGES = "\n".join(
    ["user_id,group,landing_page,converted"]
    + [f"c{i},control,old_page,{int(i % 10 < 2)}" for i in range(200)]
    + [f"t{i},treatment,new_page,{int(i % 10 < 4)}" for i in range(200)]
    + [f"x{i},treatment,old_page,1" for i in range(7)]
)


def upload(at: AppTest, content: str) -> AppTest:
    at.file_uploader(key="experiments_file_box").set_value(("pages.csv", content.encode(), "text/csv"))
    return at.run()


def test_a_file_is_mapped_and_read(show: Open, sample: Path):
    at = upload(show(sample, page="experiments", tab="A file of units"), PAGES)
    assert at.selectbox(key="experiments_v_file_unit").value == "user_id"
    assert at.selectbox(key="experiments_v_file_arm").value == "group"
    at.multiselect(key="experiments_v_file_outcomes").set_value(["converted"])
    at.selectbox(key="experiments_v_file_agree").set_value("landing_page")
    at.run()
    at.button(key="experiments_file_read").click().run()
    said = texts(at)
    assert "converted: treatment against control: higher." in said
    assert "40.00 % against 20.00 %, +20.00 percentage points" in said
    assert "7 rows" in said


def test_a_file_without_an_outcome_says_so(show: Open, sample: Path):
    at = upload(show(sample, page="experiments", tab="A file of units"), PAGES)
    assert "At least one outcome must be named." in texts(at) and not at.exception


def test_shares_in_a_file_are_read_from_words(show: Open, sample: Path):
    at = upload(show(sample, page="experiments", tab="A file of units"), PAGES)
    at.multiselect(key="experiments_v_file_outcomes").set_value(["converted"])
    at.text_input(key="experiments_v_file_expected").set_value("control 90, treatment 10").run()
    at.button(key="experiments_file_read").click().run()
    assert "The groups are not the size that was meant" in at.error[0].value
    at.text_input(key="experiments_v_file_expected").set_value("half and half").run()
    assert "A share must be written as a group and a number" in texts(at)
