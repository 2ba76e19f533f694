"""A table of one's own: what its columns are, what is refused, and how good the score is."""

from __future__ import annotations

import gzip
import math
import random

import numpy as np
import pandas as pd
import pytest

from retention.churn.model_own import OwnEncoder, clues, own_report
from retention.churn.own_table import own_table, read_table
from retention.churn.spec_own import OwnSpec
from retention.errors import SpecError


def csv(*columns: list[object], names: str) -> bytes:
    """Write columns as a file."""
    head = names.split()
    assert len(head) == len(columns)
    lines = [",".join(head)] + [",".join(str(cell) for cell in row) for row in zip(*columns, strict=True)]
    return "\n".join(lines).encode()


def table(content: bytes, **spec: object):
    return own_table(read_table(content), OwnSpec(**{"label": "left", **spec}))  # type: ignore[arg-type]


HALF = ["yes", "no"] * 50
NUMBERS = list(range(100))


def test_each_column_is_what_its_cells_are():
    content = csv(
        [f"u-{i}" for i in NUMBERS],
        NUMBERS,
        [i / 7 for i in NUMBERS],
        ["" if i % 4 == 0 else i % 10 for i in NUMBERS],
        [f"2026-01-{i % 28 + 1:02d}" for i in NUMBERS],
        ["none" if i % 3 else "gold" for i in NUMBERS],
        [f"0{i % 5}" for i in NUMBERS],
        ["x"] * 100,
        [""] * 100,
        [f"said {i % 80}" for i in NUMBERS],
        HALF,
        names="user number share visits last plan place shop note words left",
    )
    found = table(content)
    assert {c.name: c.kind for c in found.columns} == {
        "share": "number", "visits": "number", "last": "day", "plan": "text", "place": "text",
    }  # fmt: skip
    assert dict(found.left_out) == {
        "user": "different in every row, like an id",
        "number": "a different whole number in every row, like an id",
        "shop": "the same in every row",
        "note": "empty in every row",
        "words": "80 different texts in 100 rows, so that it groups nobody",
    }
    (visits,) = (c for c in found.columns if c.name == "visits")
    assert visits.n_missing == 25
    # Unknown is not zero; 2026-01-01 is day 20,454 since 1970: 56 years of 365 days and 14 leap days.
    assert math.isnan(found.values["visits"][0])
    assert found.values["last"][0] == 56 * 365 + 14
    assert (found.positive, found.negative) == ("yes", "no")
    assert found.labels.tolist() == [1, 0] * 50


def test_what_a_file_is_written_in_does_not_matter():
    plain = csv(NUMBERS, [i % 7 for i in NUMBERS], HALF, names="Größe visits left")
    truth = read_table(plain)
    for content in (
        gzip.compress(plain),
        b"\xef\xbb\xbf" + plain,
        plain.replace(b",", b";"),
        plain.replace(b",", b"\t"),
        plain.replace(b"\n", b"\r\n"),
        plain.replace(b",", b" , "),
        plain.decode().encode("utf-16"),
        plain + b"\n\n",
    ):
        pd.testing.assert_frame_equal(read_table(content), truth)
    chinese = csv(NUMBERS, ["北京", "上海"] * 50, ["是", "否"] * 50, names="数 城市 流失").decode()
    found = own_table(read_table(chinese.encode("gb18030")), OwnSpec(label="流失"))
    assert [c.name for c in found.columns] == ["城市"]
    assert found.positive == "是"


GOOD = csv([i % 9 for i in NUMBERS], HALF, names="visits left")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty."),
        (b" \n\n ", "The file is empty."),
        (b"visits,left\n", "The file has a row of names and nothing beneath it."),
        (b"visits,left,visits\n1,yes,2\n", "Two columns are called visits."),
        (b"a,,\n1,2,3\n", "More than one column has no name."),
        (b"left\nyes\n", "The file has one column only (left)."),
        (b"visits,left\n1,yes\n1,2,3\n", "Line 3 of the file has 3 columns and the names are 2."),
        (b"visits,left,x\n1,yes,2\n1,2\n", "Line 3 of the file has 2 columns and the names are 3."),
        (b'visits,left\n1,"yes\n2,no\n', "The file is no table: line 3 holds a quotation mark that is never closed, or closed too early."),
        (b"\x00\x01\x02\x03", "The file is no text."),
        (gzip.compress(GOOD, mtime=0)[:-20], "The file ends before it is whole, or is no gzip file."),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_a_sentence(content: bytes, said: str):
    with pytest.raises(SpecError) as error:
        read_table(content)
    assert error.value.message == said


@pytest.mark.parametrize(
    ("labels", "spec", "said"),
    [
        (HALF, {"label": "Left"}, "The file has no label 'Left'."),
        (HALF, {"id_column": "key"}, "The file has no id column 'key'."),
        (HALF, {"allowed": ("key",)}, "The file has no column 'key'."),
        (["yes"] * 100, {}, "The label left has one value only (yes): there is nobody to tell apart."),
        ([""] * 100, {}, "The label left is empty in every row."),
        (["a", "b", "c", "d"] * 25, {}, "The label left must have two values, not 4 (a, b, c, d)."),
        (["gone", "here"] * 50, {}, "Which value of left means that a user left, gone or here?"),
        (HALF, {"positive": "Yes"}, "The label left has no value 'Yes', only no and yes."),
        (["yes"] * 9 + ["no"] * 91, {},
         "Too few users to learn from: 9 left and 91 stayed; it takes 40 users, and 10 of each kind."),
        (HALF, {"id_column": "visits"}, "91 rows repeat a visits that an earlier row has, the first of them '0'."),
        (HALF, {"left_out": ("visits",)}, "No column is left to learn from (visits: left out as asked)."),
    ],
)  # fmt: skip
def test_a_table_that_cannot_teach_is_refused_in_a_sentence(labels: list[str], spec: dict[str, object], said: str):
    with pytest.raises(SpecError) as error:
        table(csv([i % 9 for i in NUMBERS], labels, names="visits left"), **spec)
    assert error.value.message == said


def test_a_question_out_of_its_range_is_refused():
    for spec in ({"model": "bgnbd"}, {"n_folds": 1}, {"seed": -1}, {"id_column": "left"}):
        with pytest.raises(SpecError):
            OwnSpec(**{"label": "left", **spec})  # type: ignore[arg-type]


def test_the_value_that_means_left_can_be_said():
    found = table(csv([i % 9 for i in NUMBERS], ["gone", "here"] * 50, names="visits left"), positive="here")
    assert found.labels.tolist() == [0, 1] * 50


def test_a_text_becomes_a_column_for_each_frequent_value():
    plan = ["gold"] * 12 + ["tin"] * 10 + ["rare"] * 3 + [None] * 11
    frame = pd.DataFrame({"visits": [1.0] * 35 + [np.nan], "plan": pd.Series(plan, dtype=object)})
    encoder = OwnEncoder().fit(frame)
    assert encoder.names_ == ("visits", "plan = gold", "plan = tin", "plan is not known")
    asked = pd.DataFrame({"visits": [2.0, np.nan], "plan": pd.Series(["never seen", None], dtype=object)})
    assert encoder.transform(asked)[:, 1:].tolist() == [[0, 0, 0], [0, 0, 1]]
    assert encoder.transform(frame).sum(axis=0)[1:].tolist() == [12, 10, 11]


def people(n: int = 400, seed: int = 3) -> dict[str, list[object]]:
    """Users of whom the quiet ones leave more often: P(left) = 1 / (1 + exp((visits − 3) / 3))."""
    rng = random.Random(seed)
    visits = [rng.randrange(7) for _ in range(n)]
    left = [int(rng.random() < 1 / (1 + math.exp((v - 3) / 3))) for v in visits]
    return {
        "user": [f"user {i}" for i in range(n)],
        "visits": visits,
        "noise": [round(rng.random(), 6) for _ in range(n)],
        "plan": [rng.choice(("gold", "tin")) for _ in range(n)],
        "left": left,
    }


def of(world: dict[str, list[object]], **spec: object):
    return table(csv(*world.values(), names=" ".join(world)).replace(b"user ", b"user-"), **spec)


def test_a_column_known_only_afterwards_blocks_with_its_name():
    world = people()
    plants = {
        "refund": [10 * y + i % 3 for i, y in enumerate(world["left"])],
        "reason": ["moved" if y else "" for y in world["left"]],  # filled in only for those who left
        "asked": [f"2026-02-{1 + i % 9:02d}" if y else "" for i, y in enumerate(world["left"])],
    }
    for name, cells in plants.items():
        leaking = of({**world, name: cells})
        suspects = [clue.name for clue in clues(leaking)[0] if clue.is_suspect]
        assert suspects == [name]
        with pytest.raises(SpecError, match=f"{name} .ROC AUC 1.000. alone tells too well who left"):
            own_report(leaking)
        assert own_report(of({**world, name: cells}, left_out=(name,))).figures["auc"].value < 0.9
    allowed = own_report(of({**world, "refund": plants["refund"]}, allowed=("refund",), model="tree"))
    assert allowed.figures["auc"].value > 0.99


def test_a_column_far_above_all_others_blocks_too():
    world = people(2_000)
    # Tells right of 85 in 100, so that alone its ROC AUC is near .85; the visits alone are at most .78.
    rng = random.Random(1)
    hint = [y if rng.random() < 0.85 else 1 - y for y in world["left"]]
    weak = [v if rng.random() < 0.5 else rng.randrange(7) for v in world["visits"]]
    found, _ = clues(of({**world, "visits": weak, "hint": hint}))
    assert [clue.name for clue in found if clue.is_suspect] == ["hint"]
    # What is far above the others and yet little better than a coin gives nothing away.
    found, _ = clues(of({name: world[name] for name in ("user", "noise", "plan", "left")} | {"visits": weak}))
    assert found[0].auc < 0.75 and not any(clue.is_suspect for clue in found)


def test_a_column_alone_is_as_good_as_pairs_say():
    world = people(200)
    (visits,) = (clue for clue in clues(of(world))[0] if clue.name == "visits")
    pairs = [(a < b) + (a == b) / 2 for a, x in zip(world["visits"], world["left"], strict=True) if x
             for b, y in zip(world["visits"], world["left"], strict=True) if not y]  # fmt: skip
    # The order of the values, or groups of them learned from the other folds, where these happen to be better.
    assert sum(pairs) / len(pairs) <= visits.auc + 1e-12
    assert visits.auc < sum(pairs) / len(pairs) + 0.03


def test_the_score_finds_what_the_world_holds():
    world = people(2_000)
    report = own_report(of(world, id_column="user", model="logistic"))
    truth = [1 / (1 + math.exp((v - 3) / 3)) for v in world["visits"]]
    assert np.abs(report.scores - truth).mean() < 0.03
    assert report.line.slope.low < 1 < report.line.slope.high
    assert report.n_users == 2_000 and report.n_left == sum(world["left"])
    assert report.folds["n"].sum() == 2_000 and report.folds["n_left"].sum() == report.n_left
    # Every fold has its share of those who left, give or take one.
    assert report.folds["n_left"].max() - report.folds["n_left"].min() <= 1
    found = report.predictions()
    assert list(found.columns) == ["user", "left", "probability"] and found["user"][1] == "user-1"
    # One column holds all there is to know, so nothing can be better than that column.
    assert report.word == "no better" and "visits alone" in report.sentence


def test_a_label_drawn_at_random_cannot_be_learned():
    world = people(600)
    rng = random.Random(5)
    report = own_report(of({**world, "left": [rng.randrange(2) for _ in range(600)]}))
    assert report.figures["auc"].low < 0.5 < report.figures["auc"].high
    assert report.word == "no better"


def test_rows_without_a_label_are_scored_and_teach_nothing():
    world = people(400)
    known = own_report(of(world, model="logistic"))
    more = {name: [*cells, *cells[:5]] for name, cells in world.items()}
    more["left"] = [*world["left"], *[""] * 5]
    more["user"] = [f"user {i}" for i in range(405)]
    found = own_report(of(more, model="logistic"))
    assert found.table.n_unknown == 5
    assert found.n_users == 400
    np.testing.assert_allclose(found.scores[:400], known.scores, atol=1e-9)
    assert ((found.scores[400:] > 0) & (found.scores[400:] < 1)).all()
    assert found.predictions()["left"].isna().sum() == 5


def test_best_of_takes_the_cheapest_of_the_good_ones():
    report = own_report(of(people(400), model="best of"))
    models = report.models
    assert models["is_chosen"].sum() == 1
    good = models[models["auc"] >= models["auc"].max() - 0.005]
    assert report.model == good.loc[good["seconds"].idxmin(), "model"]


def test_progress_names_the_steps_and_ends():
    said: list[tuple[float, str]] = []
    own_report(of(people(200), model="tree"), lambda share, text: said.append((share, text)))
    shares = [share for share, _ in said]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert "tree: part 5 of 5" in [text for _, text in said]


def test_telco_comes_out_as_published(real_data):
    # IBM Telco, 7,043 customers: 1,869 left (26.54 %); good models have an AUC of 0.84 to 0.85, never 0.99.
    file = (real_data / "telco_ibm" / "telco_customer_churn.csv.gz").read_bytes()
    report = own_report(own_table(read_table(file), OwnSpec(label="Churn", id_column="customerID")))
    assert (report.n_users, report.n_left) == (7_043, 1_869)
    assert round(report.base_rate, 4) == 0.2654
    (charges,) = (c for c in report.table.columns if c.name == "TotalCharges")
    assert (charges.kind, charges.n_missing) == ("number", 11)
    assert 0.843 <= report.folds["auc"].mean() <= 0.86
    assert report.folds["log_loss"].mean() <= 0.417
    assert report.line.slope.low < 1 < report.line.slope.high
    assert report.word == "reliable"


def test_the_wider_telco_file_is_blocked_by_what_was_written_down_afterwards(real_data):
    # The reason for leaving, a flag and IBM's own churn score stand beside the label.
    file = (real_data / "telco_ibm" / "telco_customer_churn_v11.csv.gz").read_bytes()
    with pytest.raises(SpecError) as error:
        own_report(own_table(read_table(file), OwnSpec(label="Churn Label")))
    for name in ("Churn Reason", "Churn Value", "Churn Score"):
        assert name in error.value.message
    assert "Contract" not in error.value.message
