"""The zoo of mutants: the data hold together, a run tells killed from alive and right from accused."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import mutants as command
from benchmarks.zoo import catalogue, records, running, tables
from benchmarks.zoo.bases import BASES
from benchmarks.zoo.catalogue import load
from benchmarks.zoo.categories import CATEGORIES
from benchmarks.zoo.judging import Cell, Found, JudgedFile, judge_file
from benchmarks.zoo.model import Base, Mutant
from benchmarks.zoo.naming import names_line
from lossproof import oracle
from lossproof.conformance.judging.memory import Memory
from lossproof.conformance.model.subject import CellKey, Variant
from lossproof.conformance.questions.schedule import asking_order
from lossproof.specs import vocabulary

MUTANTS = load()
NUMPY = BASES["numpy_cosine_similarity"]


# --- the data ---


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))
def test_one_line_is_replaced_and_the_file_parses(mutant: Mutant) -> None:
    base = BASES[mutant.base]
    before, after = base.source.splitlines(), mutant.source(base).splitlines()
    assert len(before) == len(after)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_a_line_that_is_not_there_once_is_refused() -> None:
    mutant = replace(MUTANTS["np-cosine-negated"], line="import numpy")
    with pytest.raises(ValueError, match="stands 0 times"):
        mutant.source(NUMPY)
    with pytest.raises(ValueError, match="one line must be replaced"):
        replace(mutant, line="import numpy as np", instead="import numpy as np").source(NUMPY)


def test_cells_are_asked_cases_first_and_gradients_last() -> None:
    names = [
        ("value", "long", "float32", "wrt=x1"),
        ("value", "zero", "float16", "-"),
        ("eps", "-", "-", "case=a"),
    ]
    keys = [
        CellKey(p, r, d, Variant(wrt="x1" if "wrt" in v else "", case="a" if "case" in v else ""))
        for p, r, d, v in names
    ]
    assert asking_order(keys) == keys[::-1]


def test_there_are_enough_of_every_category_family_and_framework() -> None:
    assert len(MUTANTS) >= 130
    assert {m.category for m in MUTANTS.values()} == set(CATEGORIES)
    apis = {BASES[m.base].api for m in MUTANTS.values()}
    assert {"torch", "tf", "tfa", "mlx"} == {api.split(".")[0] for api in apis}
    assert any("Embedding" in api for api in apis)
    assert {m.base for m in MUTANTS.values()} == set(BASES)


def test_every_norm_rule_stands_in_the_place_of_every_other() -> None:
    rules = {name.replace("_", "-") for name in oracle.NORM_RULES}
    documented = {
        "np-cosine": {"floor-norm"},
        "np-mlx": {"floor-product"},
        "np-keras": {"plain", "zero-as-one"},  # the same, where a zero vector gives 0
        "np-distance": {"raw"},
    }
    for prefix, own in documented.items():
        found = {s.removeprefix(f"{prefix}-rule-") for s in MUTANTS if s.startswith(f"{prefix}-rule-")}
        assert found == rules - own, prefix


def test_kinds_are_those_of_the_vocabulary() -> None:
    assert {m.kind for m in MUTANTS.values()} <= set(vocabulary.KINDS.built_in)


# --- the words that name a line ---


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))
def test_a_mutant_says_the_words_that_name_its_line(mutant: Mutant) -> None:
    assert mutant.names
    assert all(word.strip("!") for item in mutant.names for word in item.split("|"))
    assert not names_line(f"{BASES[mutant.base].name}: ", mutant.names)  # the name of the API is not enough


@pytest.mark.parametrize("names", ["[]", "['']", "['a|']", "['!']"])
def test_a_mutant_without_such_words_is_refused(
    names: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = "- {slug: a, category: sign, kind: sign, says: a, line: a, instead: b, names: %s}\n"
    (tmp_path / "numpy.yaml").write_text(entry % names)
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="a does not say the words"):
        load.__wrapped__()


@pytest.mark.parametrize(
    ("title", "words", "named"),
    [
        ("f: eps Added to each norm", ("eps", "add|plus", "norm", "!square"), True),
        ("f: eps added to each squared norm", ("eps", "add|plus", "norm", "!square"), False),
        ("f: eps added to the product", ("eps", "add|plus", "norm"), False),
        ("f: eps + each norm", ("plus|+", "norm"), True),
        ("f: designed otherwise", ("sign",), False),
        ("f: behaves as with norm_rule=floor_norm", ("floor", "norm"), False),
        ("f: size_average is ignored", ("size_average",), True),
        ("similarity: the sign is the other one", ("similarity",), False),
        ("the sign is the other one", ("sign|negated",), True),
        ("f: the default of dim is -1", ("default", "dim", "-1"), True),
    ],
)
def test_a_sentence_names_a_line_where_all_words_begin_one_of_its_own(
    title: str, words: tuple[str, ...], named: bool
) -> None:
    assert names_line(title, words) is named


# --- judging ---


@pytest.mark.parametrize("base", [b for b in BASES.values() if b.arrays == "numpy"], ids=lambda b: b.slug)
def test_a_right_one_computes_what_it_says(base: Base) -> None:
    made = runpy.run_path(str(base.file))[base.name]
    x, y = np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([[4.0, 3.0], [0.0, 2.0]])
    if "ontrastive" in base.name:
        call = made(reduction="none") if base.name[0] == "C" else made
        assert call(np.array([1, 0]), np.array([0.5, 0.25])).tolist() == [0.25, 0.5625]
        return
    more = {"target": np.ones(2), "reduction": "none"} if "embedding" in base.name else {}
    if base.name == "cosine_distance":
        x, y, more = x / [[5], [1]], y / [[5], [2]], {"axis": 1, "reduction": "none"}
    wanted = {"cosine_distance": [0.04, 1.0], "cosine_embedding_loss": [0.04, 1.0]}.get(
        base.name, [0.96, 0.0]
    )
    sign = -1 if "keras" in base.slug else 1
    assert np.ravel(made(x, y, **more)) == pytest.approx(sign * np.array(wanted))


def test_a_right_one_has_no_finding() -> None:
    (found,) = running.judged(NUMPY, (), 1, ("sign", "zero_vector", "shape", "signature", "error"))
    assert len(found.cells) > 20
    assert (*found.diverging, *found.broken) == ()


@pytest.mark.parametrize(
    ("slug", "properties"),
    [
        ("np-cosine-negated", ("sign",)),
        ("np-cosine-turns-in-place", ("mutation",)),
        ("np-cosine-renamed", ("signature",)),
        ("np-contrastive-class-margin-not-in-config", ("configuration",)),
        ("np-distance-nonzero-by-elements", ("weights",)),
        ("np-embedding-any-reduction", ("error",)),
        ("np-contrastive-class-margin-forgotten", ("reduction",)),
        ("np-contrastive-each-seventh", ("permutation",)),  # the page states no formula
        ("np-distance-rank-unchecked", ("error",)),
        ("np-contrastive-class-one-weight-ignored", ("weights",)),
    ],
)
def test_a_mutant_dies_under_the_kind_that_it_deserves(slug: str, properties: tuple[str, ...]) -> None:
    mutant = MUTANTS[slug]
    right, wrong = running.judged(BASES[mutant.base], (mutant,), 1, properties)
    assert not right.diverging
    assert wrong.killers == properties
    assert wrong.right, wrong.causes
    assert right.findings == ()
    assert wrong.findings
    assert {f.kind for f in wrong.findings} == {kind for _, kind in wrong.causes}
    assert [f.severity for f in wrong.findings] == sorted(f.severity for f in wrong.findings)


def test_remembering_changes_no_verdict() -> None:
    def verdicts() -> list[Any]:
        cells = judge_file(NUMPY.file, NUMPY, 1, ("value", "batch", "zero_vector", "range")).cells
        return [replace(c, seconds=0.0, cost=0.0) for c in cells]

    plain, memory = verdicts(), Memory()
    with memory.in_use():
        first, second = verdicts(), verdicts()
    assert plain == first == second


def test_wrong_values_of_a_vector_against_a_matrix_are_explained(tmp_path: Path) -> None:
    mutant = MUTANTS["np-cosine-low-precision-sum"]
    file = tmp_path / "own.py"
    file.write_text(mutant.source(NUMPY), encoding="utf-8")
    cells = judge_file(file, NUMPY, 1, ("broadcasting",)).cells
    assert any(c.verdict == "diverges" for c in cells if c.variant == "case=broadcast-rank")


# --- what a run says ---


def cell(verdict: str, kind: str = "", property_: str = "value", at: float = 1.0) -> Cell:
    causes = (("S1", kind),) if kind else ()
    return Cell(property_, "ordinary", "float32", "-", verdict, causes, 10, at, at)


def a_run(mutant: Cell, base: Cell | None = None, found: tuple[Found, ...] = ()) -> records.Run:
    zoo = MUTANTS["np-cosine-negated"]
    own = Base("numpy_cosine_similarity", "api", "f", "numpy")
    right = records.record(own, None, JudgedFile((base or cell("conforms"),)))
    return records.Run(8, (), (right,), (records.record(own, zoo, JudgedFile((mutant,), found)),))


def test_a_run_fails_where_a_right_one_is_accused_or_a_mutant_lives() -> None:
    assert command.failures(a_run(cell("diverges", "sign"))) == []
    assert "survives" in command.failures(a_run(cell("conforms")))[0]
    assert "wrong kind" in command.failures(a_run(cell("diverges", "formula")))[0]
    assert "accused" in command.failures(a_run(cell("diverges", "sign"), cell("diverges", "formula")))[0]
    assert "accused" in command.failures(a_run(cell("diverges", "sign"), cell("broken")))[0]


def test_the_command_says_so_by_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, found, code in (("a", cell("diverges", "sign"), 0), ("b", cell("conforms"), 1)):
        a_run(found).write(tmp_path / f"{name}.json")
        assert command.main(["--from", str(tmp_path / f"{name}.json")]) == code
    assert "survives: np-cosine-negated" in capsys.readouterr().out


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    run = a_run(cell("diverges", "sign"), found=(SIGN,))
    run.write(tmp_path / "run.json")
    assert records.read([tmp_path / "run.json"]) == run
    replace(run, examples=2).write(tmp_path / "short.json")
    with pytest.raises(ValueError, match="parts of different runs"):
        records.read([tmp_path / "run.json", tmp_path / "short.json"])


SIGN = Found("a", "sign", "S1", "f: the sign is the other one")
EPS = Found("b", "eps", "S2", "f: eps | is\nadded")


def test_findings_are_counted_by_kind_and_the_first_one_names_the_line_or_not() -> None:
    named, unnamed = (
        a_run(cell("diverges", "sign"), found=(SIGN, EPS)),
        a_run(cell("diverges"), found=(EPS, SIGN)),
    )
    run = replace(named, mutants=(*named.mutants, replace(unnamed.mutants[0], slug="other", kind="eps")))
    table = tables.of_findings(run).set_index("kind")
    assert table.index.tolist() == ["eps", "sign", "in all"]
    assert table["first names the line"].tolist() == [0, 1, 1]
    assert table["share"].tolist() == ["0%", "100%", "50%"]
    assert table["median"].tolist() == [2, 2, 2]
    assert tables.most_findings(run)["which"].tolist() == ["a, b", "b, a"]
    assert tables.unnamed(run)["first finding"].tolist() == [EPS.title]
    assert "the first names the line for 1 of 2 mutants" in tables.told(run)


@pytest.mark.parametrize(("counts", "wanted"), [([1] * 9 + [7], 1), ([1] * 8 + [3, 7], 3), ([2], 2)])
def test_no_more_than_a_tenth_exceed_the_90th_percentile(counts: list[int], wanted: int) -> None:
    assert tables.ninetieth(counts) == wanted


def test_a_page_gets_the_tables_of_findings_where_a_run_has_them(tmp_path: Path) -> None:
    page, names = (
        tmp_path / "page.md",
        ("matrix", "properties", "curves", "findings", "most findings", "unnamed"),
    )
    page.write_text("".join(f"<!-- {n} -->\n{n} of before\n<!-- end of {n} -->\n" for n in names))
    run = a_run(cell("diverges", "sign"), cell("conforms"), found=(EPS,))
    old = replace(run, mutants=tuple(replace(m, findings=None) for m in run.mutants))
    tables.into_page(old, page)
    assert "unnamed of before" in page.read_text()
    assert "matrix of before" not in page.read_text()
    assert tables.told(old) == "findings: not recorded in this run"
    tables.into_page(run, page)
    assert "of before" not in page.read_text()
    assert r"| f: eps \| is added |" in page.read_text()


def test_a_run_of_before_findings_were_recorded_is_read(tmp_path: Path) -> None:
    a_run(cell("diverges", "sign")).write(tmp_path / "run.json")
    raw = json.loads((tmp_path / "run.json").read_text())
    for item in (*raw["bases"], *raw["mutants"]):
        del item["findings"], item["names"]
    (tmp_path / "run.json").write_text(json.dumps(raw))
    assert records.read([tmp_path / "run.json"]).of(MUTANTS).told == ()


def test_a_run_is_read_with_the_catalogue_of_today() -> None:
    run = a_run(cell("diverges", "sign"))
    assert run.of({}).mutants == ()
    assert run.of({"np-cosine-negated": replace(MUTANTS["np-cosine-negated"], kind="formula")}).mistaken


def test_another_order_moves_the_first_kill_and_no_verdict() -> None:
    cells = (
        replace(cell("conforms", at=3.0), region="zero"),
        replace(cell("diverges", "sign", at=4.0), region="long"),
    )
    item = a_run(cells[0]).mutants[0]
    turned = records.in_order(replace(item, cells=cells), lambda _p, region, _d, _v: region)
    assert [(c.region, c.cost, c.verdict) for c in turned.cells] == [
        ("long", 1.0, "diverges"),
        ("zero", 4.0, "conforms"),
    ]


def test_the_tables_name_sole_killers_and_the_share_in_time() -> None:
    run = a_run(cell("diverges", "sign"), cell("conforms", at=4.0))
    assert tables.alone(run)["value"] == ["np-cosine-negated"]
    assert tables.seconds(run, run.mutants[0]) == 8.0
    assert tables.curve(run).to_dict() == {"1 s": 0.0, "10 s": 1.0, "60 s": 1.0, "in all": 1.0}
    assert tables.matrix(run)["killed by"].tolist() == ["value"]


def test_a_budget_is_what_it_kills_and_misses() -> None:
    whole, short = a_run(cell("diverges", "sign")), replace(a_run(cell("conforms")), examples=1)
    other = replace(a_run(cell("diverges", "formula")), examples=2)
    table = tables.budgets([whole, short, other])
    assert table["batches"].tolist() == [1, 2, 8]
    assert table["killed"].tolist() == [0, 1, 1]
    assert table["right kind"].tolist() == [0, 0, 1]
    assert table["missed"].tolist() == ["np-cosine-negated", "", ""]
    assert table["another kind"].tolist() == ["", "np-cosine-negated", ""]
