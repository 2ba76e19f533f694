"""The command line: the JSON it promises, the numbers of the pages, and mistakes as one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from retention.cli import main
from retention.cohorts.answer import cohort_retention
from retention.cohorts.spec import CohortSpec
from retention.store import Store

ROOT = Path(__file__).resolve().parents[1]
# Weeks begin on 5, 12, 19 and 26 January 2026. ann comes back in week 1, bob never, cyd in week 2.
LOG = """user,time,event,country
ann,2026-01-05T10:00,visit,France
bob,2026-01-06T10:00,visit,Spain
cyd,2026-01-07T10:00,buy,France
ann,2026-01-13T10:00,buy,Spain
cyd,2026-01-20T10:00,visit,France
eve,not a time,visit,France
"""


@pytest.fixture
def run(tmp_path, capsys):
    """Run a command on a store of its own; return (exit status, output, error output)."""

    def command(*argv: str) -> tuple[int, str, str]:
        status = main([*argv, "--store", str(tmp_path / "store.duckdb")])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return command


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return str(path)


def answer(run, *argv):
    status, out, err = run(*argv, "--json")
    assert (status, err) == (0, "")
    return json.loads(out)


def test_an_import_counts_every_row_and_a_second_one_adds_nothing(run, log):
    first = answer(run, "import", log, "--complete-to", "2026-02-02")
    assert first == {
        "new": 5,
        "duplicate": 0,
        "rejected": 1,
        "reasons": [{"reason": "unreadable time", "n": 1, "first_line": 7}],
        "as_of": "2026-02-02T00:00:00Z",
        "data_version": 1,
    }
    again = answer(run, "import", log)
    assert (again["new"], again["duplicate"], again["rejected"], again["data_version"]) == (0, 5, 1, 2)
    assert again["as_of"] == "2026-02-02T00:00:00Z"


def test_a_grid_lists_every_age_with_its_state_and_agrees_with_the_library(run, log, tmp_path):
    answer(run, "import", log, "--complete-to", "2026-01-24")
    grid = answer(run, "cohorts", "--horizon", "3")
    assert grid["as_of"] == "2026-01-24T00:00:00Z"
    # Three started in the week of the 5th. Week 1 (12th) is over, week 2 (19th) has begun, week 3 has not.
    keys = ("cohort", "group", "age", "size", "retained", "rate", "state", "complete_on")
    assert [tuple(cell[key] for key in keys) for cell in grid["cells"]] == [
        ("2026-01-05", None, 0, 3, 0, 0.0, "mature", "2026-01-12"),
        ("2026-01-05", None, 1, 3, 1, 1 / 3, "mature", "2026-01-19"),
        ("2026-01-05", None, 2, 3, 1, None, "in_progress", "2026-01-26"),
        ("2026-01-05", None, 3, 3, None, None, "future", "2026-02-02"),
    ]
    pooled = [row for row in grid["average"] if row["kind"] == "pooled"]
    assert [(row["age"], row["rate"], row["n_cohorts"]) for row in pooled] == [
        (0, 0.0, 1), (1, 1 / 3, 1), (2, None, 0), (3, None, 0),
    ]  # fmt: skip
    assert set(pooled[0]) == {"age", "kind", "rate", "low", "high", "n_cohorts"}
    assert "any activity" in grid["definition"]
    with Store.open(tmp_path / "store.duckdb") as store:
        matrix = cohort_retention(store, CohortSpec(horizon=3))
    assert [cell["rate"] for cell in grid["cells"][:2]] == matrix.cells["rate"][:2].tolist()


def test_the_members_of_a_cell_are_its_count_with_the_ids_of_the_file(run, log):
    answer(run, "import", log, "--complete-to", "2026-02-09")
    members = ("members", "--cohort", "2026-01-05", "--age", "1")
    assert answer(run, *members) == {"count": 1, "users": ["ann"]}
    assert answer(run, *members, "--lost") == {"count": 2, "users": ["bob", "cyd"]}
    assert answer(run, *members, "--by", "country", "--group", "France", "--lost")["users"] == ["cyd"]
    assert answer(run, *members, "--where", "country=France", "--lost")["users"] == ["cyd"]
    assert answer(run, *members, "--return", "visit")["users"] == []


def test_brackets_carry_both_ends_and_streaks_begin_at_one(run, log):
    answer(run, "import", log, "--complete-to", "2026-03-02")
    cells = answer(run, "cohorts", "--mode", "bracket", "--brackets", "0,1-2")["cells"]
    assert [(c["age"], c["to_age"], c["retained"]) for c in cells] == [(0, 0, 0), (1, 2, 2)]
    cells = answer(run, "cohorts", "--mode", "streak", "--horizon", "2")["cells"]
    assert [(c["age"], c["retained"]) for c in cells] == [(1, 1), (2, 0)]


def test_a_question_prints_its_sql_and_the_status_what_is_held(run, log):
    answer(run, "import", log)
    assert "week_cells" in answer(run, "sql")["sql"]
    assert "week_cells" not in answer(run, "sql", "--ages", "elapsed")["sql"]
    status = answer(run, "status")
    assert (status["users"], status["events"], status["simulated"]) == (3, 5, False)
    assert status["event_names"] == ["buy", "visit"]
    assert status["properties"] == ["country"]


def test_settings_gaps_checks_backups_and_erasure_work_without_a_browser(run, log, tmp_path):
    assert answer(run, "settings", "set", "timezone", "Asia/Kolkata")["settings"]["timezone"] == "Asia/Kolkata"
    answer(run, "import", log, "--timezone", "UTC", "--complete-to", "2026-02-09")
    # 9 February begins at 18:30 UTC of the 8th in Kolkata, but the file's own zone was named.
    assert answer(run, "status")["as_of"] == "2026-02-09T00:00:00Z"
    answer(run, "gap", "--from", "2026-01-14", "--to", "2026-01-15")
    cells = answer(run, "cohorts", "--horizon", "2")["cells"]
    assert [c["touches_gap"] for c in cells] == [False, True, False]
    assert answer(run, "check") == {"ok": True, "faults": [], "exit": 0}
    backup = tmp_path / "backup.duckdb"
    assert answer(run, "backup", str(backup))["bytes"] > 0
    assert answer(run, "erase", "ann") == {"erased": 1, "events": 2}
    assert answer(run, "status")["users"] == 2
    answer(run, "restore", str(backup))
    assert answer(run, "status")["users"] == 3


def test_a_folder_of_files_is_one_import_each(run, tmp_path):
    folder = tmp_path / "days"
    folder.mkdir()
    (folder / "a.csv").write_text("user,time,event\nann,2026-01-05T10:00,visit\n")
    (folder / "b.csv").write_text("user,time,event\nbob,2026-01-06T10:00,visit\nbad,never,visit\n")
    report = answer(run, "import", str(folder))
    assert (report["new"], report["rejected"]) == (2, 1)
    assert report["reasons"] == [{"reason": "unreadable time", "n": 1, "first_line": 3, "file": "b.csv"}]


def test_a_mapped_import_makes_properties_of_the_columns_it_does_not_name(run, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("who;when;amount;shop\nann;2026-01-05 10:00;12.5;north\n")
    answer(run, "import", str(path), "--map", "user=who,time=when,value=amount", "--event", "order")
    status = answer(run, "status")
    assert (status["event_names"], status["properties"]) == (["order"], ["shop"])


def test_the_simulated_shop_gives_way_to_the_first_real_file(run, log):
    assert answer(run, "sample", "--users", "50", "--seed", "3")["simulated"] is True
    assert answer(run, "status")["simulated"] is True
    assert answer(run, "import", log)["new"] == 5
    assert answer(run, "status")["users"] == 3
    status, _, error = run("sample", "--users", "50")
    assert status == 2
    assert "holds imported data" in error


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("cohorts", "--start", "vist"), 'no event "vist". Did you mean "visit"?'),
        (("cohorts", "--where", "contry=France"), 'no property "contry". Did you mean "country"?'),
        (("cohorts", "--where", "France"), "must look like country=France"),
        (("cohorts", "--horizon", "0"), "`horizon` must be from 1 to 104, not 0."),
        (("cohorts", "--mode", "sometimes"), "`mode` must be one of on, on-or-after"),
        (("cohorts", "--brackets", "1"), "for the mode bracket"),
        (("cohorts", "--mode", "bracket", "--brackets", "3-1"), "not end before it begins"),
        (("cohorts", "--open-ended"), "Only the mode on-or-after can be open-ended"),
        (("cohorts", "--from", "2026-02-01", "--to", "2026-02-01"), "`from` must be before `to`"),
        (("members", "--cohort", "2026-01-05", "--age", "99"), "`age` must be one of 0, 1"),
        (("members", "--cohort", "2026-01-05", "--age", "9"), "has not begun. It will be complete on 2026-03-16."),
        (("erase", "nobody"), 'The store holds no user "nobody".'),
        (("settings", "set", "timezone", "Mars/Base"), "must be an IANA name"),
        (("import", "no-such-file.csv"), "no-such-file.csv"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_two(run, log, argv, says):
    answer(run, "import", log)
    status, out, error = run(*argv)
    assert (status, out) == (2, "")
    assert says in error
    assert error.count("\n") == 1


def test_a_command_that_reads_does_not_make_a_store(run, tmp_path):
    status, _, error = run("cohorts")
    assert status == 2
    assert "There is no store at" in error
    assert not (tmp_path / "store.duckdb").exists()


def test_the_module_runs_as_a_program(tmp_path):
    argv = [
        sys.executable,
        "-m",
        "retention",
        "settings",
        "set",
        "week_start",
        "sunday",
        "--store",
        str(tmp_path / "s"),
        "--json",
    ]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["settings"]["week_start"] == "sunday"


def test_a_note_is_added_listed_and_deleted(run, log):
    answer(run, "import", log)
    one = {"number": 1, "on": "2026-01-31", "text": "new checkout"}
    assert answer(run, "notes", "add", "new checkout", "--on", "2026-01-31") == {"notes": [one]}
    assert answer(run, "notes") == {"notes": [one]}
    assert run("notes")[1] == "   1  2026-01-31  new checkout\n"
    assert answer(run, "notes", "delete", "1") == {"notes": []}
    assert run("notes")[1] == "There is no note.\n"


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (("add", "no day"), "A note needs its day and its text."),
        (("add", "--on", "2026-01-31"), "A note needs its day and its text."),
        (("delete", "7"), "There is no note 7. Known: none."),
        (("delete",), "There is no note. Known: none."),
    ],
)
def test_a_note_that_cannot_be_is_explained(run, log, said, complaint):
    answer(run, "import", log)
    status, out, err = run("notes", *said)
    assert (status, out) == (2, "")
    assert complaint in err
