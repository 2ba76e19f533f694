"""Files of units: what their columns mean, what is left out and said, and what cannot be read."""

from __future__ import annotations

import gzip
import io
import json

import numpy as np
import pandas as pd
import pytest

from retention.cli import main
from retention.errors import FileError, RetentionError, SpecError
from retention.experiments.answer_file import experiment_file, unit_columns
from retention.experiments.spec import UnitFileSpec
from retention.experiments.unit_file import units_of_file

USUAL = ("unit=id", "arm=arm", "outcome=stayed")


def table(*rows: str, header: str = "id,arm,stayed") -> bytes:
    return "\n".join((header, *rows, "")).encode()


FOUR = table("1,control,1", "2,control,0", "3,new,yes", "4,new,TRUE")


def units_from(content: bytes, *pairs: str, **more):
    return units_of_file(content, UnitFileSpec.of_map(pairs or USUAL, **more))


def test_an_outcome_of_yes_and_no_is_a_rate_and_one_of_numbers_a_mean():
    content = table("1,control,1,2.5", "2,control,0,0", "3,new,yes,7", "4,new,TRUE,1", header="id,arm,stayed,spent")
    units = units_from(content, *USUAL, "outcome=spent")
    assert units.groups == ("control", "new") and units.group.tolist() == [0, 0, 1, 1]
    assert [(o.metric, o.kind) for o in units.outcomes] == [("stayed", "rate"), ("spent", "mean")]
    assert units.outcomes[0].values.tolist() == [1, 0, 1, 1] and units.outcomes[1].values.tolist() == [2.5, 0, 7, 1]
    as_value = units_from(content, "unit=id", "arm=arm", "value=stayed")
    assert as_value.outcomes[0].kind == "mean"


def parquet(content: bytes) -> bytes:
    buffer = io.BytesIO()
    pd.read_csv(io.BytesIO(content), dtype={"stayed": str}).to_parquet(buffer, index=False)
    return buffer.getvalue()


@pytest.mark.parametrize("written", [
    lambda b: b, gzip.compress, parquet, lambda b: b.replace(b",", b";"), lambda b: b.replace(b",", b"\t"),
    lambda b: b"\xef\xbb\xbf" + b, lambda b: b.decode().encode("utf-16"), lambda b: b.replace(b"\n", b"\r\n"),
    lambda b: b.replace(b"stayed", b"stayed,").replace(b"\n", b",\n").replace(b",,\n", b"\n", 1),
    lambda b: gzip.compress(b[:20]) + gzip.compress(b[20:]),
], ids=["csv", "gzip", "parquet", "semicolons", "tabs", "bom", "utf-16", "crlf", "separators at the end", "two members"])  # fmt: skip
def test_a_file_is_known_by_its_content(written):
    units = units_from(written(FOUR))
    assert units.groups == ("control", "new") and units.outcomes[0].values.tolist() == [1, 0, 1, 1]


def test_an_empty_cell_is_unknown_and_not_no():
    values = units_from(table("1,control,1", "2,control,", "3,new,0", "4,new,NaN")).outcomes[0].values
    assert np.isnan(values[[1, 3]]).all() and values[[0, 2]].tolist() == [1, 0]


def test_the_control_is_known_by_its_name_or_named():
    assert units_from(table("1,Holdout,1", "2,A,0")).groups == ("Holdout", "A")
    assert units_from(table("1,b,1", "2,a,0", "3,c,1"), control="b").groups == ("b", "a", "c")


def test_rows_that_do_not_agree_are_left_out_and_reported():
    content = table(
        "1,control,1,old",
        "2,control,0,new",
        "3,new,0,new",
        "4,new,1,new",
        "5,control,1,old",
        header="id,arm,stayed,page",
    )
    units = units_from(content, *USUAL, agree=(("page", "control", "old"), ("page", "new", "new")))
    assert units.sizes == (2, 2)
    assert units.notes == ('1 of 5 rows has a "page" that does not agree with their arm; left out.',)


def test_a_unit_in_two_arms_is_left_out_and_one_with_two_rows_counts_once():
    content = table("1,control,1", "2,control,0", "2,new,1", "3,new,0", "4,new,1", "4,new,0")
    units = units_from(content)
    assert units.sizes == (1, 2) and units.outcomes[0].values.tolist() == [1, 0, 1]
    assert units.notes == (
        "1 unit is in two arms; left out, with 2 rows.",
        "1 unit has more than one row; the first of each is read, 1 row is left out.",
    )


def test_of_a_unit_with_two_rows_the_first_exposure_counts_whatever_the_order():
    rows = ["1,control,1,2026-01-01", "2,new,0,2026-02-01", "2,new,1,2026-01-05"]
    for order in (rows, rows[::-1]):
        units = units_from(table(*order, header="id,arm,stayed,seen"), *USUAL, "exposure=seen")
        assert sorted(zip(units.group.tolist(), units.outcomes[0].values.tolist(), strict=True)) == [(0, 1), (1, 1)]
        assert sorted(units.day.tolist()) == [20_454, 20_458]  # days since 1970


def test_an_outcome_from_before_the_exposure_is_left_out_and_said():
    header = "id,arm,stayed,seen,known"
    rows = ["1,control,1,2026-01-01,2026-01-29", "2,new,0,2026-01-01,2026-01-29", "3,new,1,2026-01-03,2026-01-02"]
    units = units_from(table(*rows, header=header), *USUAL, "exposure=seen", "time=known")
    assert units.sizes == (1, 1) and "outcome from before the exposure" in units.notes[0]
    with pytest.raises(SpecError, match="wrong way round"):
        units_from(table(*rows[:2], header=header), *USUAL, "exposure=known", "time=seen")


def test_without_the_day_of_every_unit_nothing_is_read_day_by_day():
    header = "id,arm,stayed,seen,known"
    rows = [
        "1,control,1,2026-01-01,2026-01-09",
        "2,new,0,2026-01-01,",
        "3,new,1,,2026-01-12",
        "3,new,0,2026-01-02,2026-01-12",
    ]
    units = units_from(table(*rows, header=header), *USUAL, "exposure=seen", "time=known")
    assert units.day.tolist() == [
        20_454,
        20_454,
        20_455,
    ]  # whoever never came back has no time: the exposures are the days
    assert units.outcomes[0].values.tolist() == [1, 0, 0]  # the row with a moment, and not the one without
    units = units_from(table(*rows, header=header), *USUAL, "time=known")
    assert units.day is None and "nothing is read day by day" in units.notes[-1]


def test_shares_that_were_meant_go_by_place_or_by_name():
    assert units_from(FOUR, expected=(("", 90.0), ("", 10.0))).expected_shares == (90, 10)
    assert units_from(FOUR, expected=(("new", 10.0), ("control", 90.0))).expected_shares == (90, 10)
    assert units_from(FOUR).expected_shares is None


def test_a_covariate_a_breakdown_and_costs_come_along():
    header = "id,arm,stayed,spent,earlier,country,paid"
    rows = ["1,control,1,5,4,FR,0", "2,control,0,0,,ES,0", "3,new,1,9,6,,1.5", "4,new,1,8,2,FR,2"]
    units = units_from(
        table(*rows, header=header), *USUAL, "outcome=spent", "before=earlier", "by=country", "cost=paid"
    )
    assert units.outcomes[1].before[[0, 2, 3]].tolist() == [4, 6, 2] and np.isnan(units.outcomes[1].before[1])
    assert units.breakdowns["country"].tolist() == ["FR", "ES", None, "FR"]
    assert units.costs == (0, 3.5)


def test_rows_without_an_arm_or_a_unit_are_left_out_and_reported():
    units = units_from(table("1,control,1", "2,,1", ",new,1", "4,new,0"))
    assert units.sizes == (1, 1) and units.notes == (
        "1 of 4 rows has no arm; left out.",
        "1 of 3 rows has no unit; left out.",
    )


def test_without_a_unit_every_row_is_one():
    assert units_from(table("1,control,1", "1,control,0", "1,new,1"), "arm=arm", "outcome=stayed").sizes == (2, 1)


def many_arms() -> bytes:
    return table(*(f"{i},{i},1" for i in range(30)))


@pytest.mark.parametrize(("content", "pairs", "more", "said"), [
    (b"", USUAL, {}, "The file is empty."),
    (b" \n", USUAL, {}, "The file is empty."),
    (table(), USUAL, {}, "no unit"),
    (gzip.compress(FOUR, mtime=0)[:-12], USUAL, {}, "cut off"),
    (b"\x1f\x8bnonsense", USUAL, {}, "gzip file is damaged"),
    (b"PAR1nonsense", USUAL, {}, "Parquet file is damaged"),
    (b"PK\x03\x04nonsense", USUAL, {}, "Excel workbook"),
    (b"<html><body>sign in", USUAL, {}, "web page or JSON"),
    (gzip.compress(bytes(80 << 20), mtime=0), USUAL, {}, "inflates beyond"),
    (table("1,control,1,9,9", "2,new,1"), USUAL, {}, "first row must have 3 cells as the header has, not 5"),
    (table("1,control,1", "2,new,1,9,9"), USUAL, {}, "line 3 has 5 cells, and the header 3"),
    (table('1,control,1', '2,new,"1'), USUAL, {}, "a quote is not closed"),
    (table("1,control,1,1", header="id,arm,stayed,stayed"), USUAL, {}, 'not "stayed" twice'),
    (FOUR, ("unit=id", "arm=arm", "outcome=staid"), {}, 'no column "staid". Did you mean "stayed"'),
    (table("1,a,1", "2,b,0"), USUAL, {}, "must have a control: none of its arms is called so. Name the one that is, of a, b"),
    (FOUR, USUAL, {"control": "contrl"}, 'called "contrl". Did you mean "control"'),
    (table("1,control,1", "2,control,0"), USUAL, {}, "a control and at least one other arm, not control alone"),
    (table("1,control,1", "1,new,0"), USUAL, {}, "Of one of the arms no row is left"),
    (table("1,control,good", "2,new,bad"), USUAL, {}, 'must hold numbers, or yes and no, not "good"'),
    (table("1,control,", "2,new,"), USUAL, {}, "is empty in every row"),
    (table("1,control,inf", "2,new,1"), USUAL, {}, "finite"),
    (many_arms(), USUAL, {}, "at most 13 different values, not 30"),
    (FOUR, USUAL, {"expected": (("", 1.0), ("", 1.0), ("", 1.0))}, "one for each of 2 arms, not 3"),
    (FOUR, USUAL, {"expected": (("control", 1.0), ("newer", 1.0))}, 'called "newer"'),
    (FOUR, USUAL, {"agree": (("stayed", "old", "1"),)}, 'No arm of the file is called "old"'),
    (FOUR, (*USUAL, "time=arm"), {}, "must hold moments such as"),
    (FOUR, ("unit=id", "arm=arm"), {}, "At least one outcome"),
    (FOUR, ("unit=id", "outcome=stayed"), {}, "column of the arm must be named"),
    (FOUR, (*USUAL, "outcome=stayed"), {}, "named twice"),
    (FOUR, (*USUAL, "arm=id"), {}, "given twice"),
    (FOUR, (*USUAL, "unti=id"), {}, 'Did you mean "unit"'),
    (FOUR, ("before=id", *USUAL), {}, "must follow the outcome"),
    (FOUR, ("arm",), {}, "role=column"),
])  # fmt: skip
def test_what_cannot_be_read_is_said_in_a_sentence(content, pairs, more, said):
    with pytest.raises(RetentionError) as caught:
        units_from(content, *pairs, **more)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_is_looked_into_before_its_columns_are_known():
    seen = unit_columns(FOUR, n_rows=2)
    assert seen.columns == ("id", "arm", "stayed") and seen.head["stayed"].tolist() == ["1", "0"]
    assert unit_columns(parquet(FOUR)).columns == ("id", "arm", "stayed")
    with pytest.raises(FileError):
        unit_columns(b"")


def a_file(tmp_path, n: int = 400):
    path = tmp_path / "units.csv"
    rows = [f"{i},{'control' if i % 2 else 'new'},{int(i % 20 < (9 if i % 2 else 13))}" for i in range(n)]
    path.write_bytes(table(*rows))
    return path


def test_the_command_line_says_what_the_answer_says(tmp_path, capsys):
    path = a_file(tmp_path)
    command = ["experiment", "read", "--file", str(path), "--map", "unit=id,arm=arm", "--map", "outcome=stayed"]
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    found = experiment_file(path.read_bytes(), UnitFileSpec.of_map(USUAL))
    row = found.effect("stayed", "new")
    # Of each 20 rows: odd ones 1 … 7 of ten stayed (4), even ones 0 … 12 of ten (7): 30 points.
    assert told["effects"][0]["difference"] == pytest.approx(0.3) == row["difference"]
    assert (told["effects"][0]["low"], told["effects"][0]["says"]) == (row["low"], "higher")
    assert told["groups"][0]["n"] == 200 and told["method"] == "fixed horizon"
    assert main([*command, "--sequential"]) == 0
    assert "sequential intervals" in capsys.readouterr().out


def test_the_command_line_plans_without_a_store(capsys):
    assert main(["experiment", "plan", "--baseline", "0.5", "--effect", "0.25", "--power", "0.9", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["n_control"], told["n_arm"], told["n_total"]) == (77, 77, 154)
    assert told["days"] is None and told["plan"]["effect"] == 0.25


@pytest.mark.parametrize(("argv", "said"), [
    (("read",), "The name of a campaign must be given"),
    (("read", "spring", "--file", "units.csv"), "not both"),
    (("read", "--file", "nowhere.csv"), "cannot be read"),
    (("read", "--file", "units.csv", "--map", "unit=id,arm=arm,outcome=stayed", "--expected", "half"), "must look like 50:50"),
    (("read", "--file", "units.csv", "--map", "unit=id,arm=arm,outcome=stayed", "--agree", "page"), "`--agree` must look like"),
    (("plan", "--baseline", "0", "--effect", "0.1"), "baseline of a share"),
])  # fmt: skip
def test_mistakes_on_the_command_line_are_one_line(argv, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a_file(tmp_path)
    assert main(["experiment", *argv]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
