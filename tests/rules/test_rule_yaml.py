"""DESIGN section 3: strict YAML, no templates, and every finding collected before anything is read or written."""

from __future__ import annotations

import pytest
from support.workbench import Workbench

from ri_declarative.errors import ConfigError


def findings(bench: Workbench, text: str) -> list[tuple[int, str]]:
    """(line, code) of every finding; nothing was written."""
    bench.sql("CREATE TABLE IF NOT EXISTS t (k int PRIMARY KEY, v text, w text NOT NULL DEFAULT 'w')")
    bench.pipeline("p", text)
    with pytest.raises(ConfigError) as refused:
        bench.run("p", "k,v\n1,a\n")
    assert bench.sql("SELECT (SELECT count(*) FROM import_batches), (SELECT count(*) FROM t)") == [(0, 0)]
    return [(diagnostic.position.line, diagnostic.code) for diagnostic in refused.value.diagnostics]


def test_all_findings_are_collected_and_not_only_the_first(workbench: Workbench) -> None:
    found = findings(
        workbench,
        """\
        sorce: {format: csv}
        target:
          table: t
          key: k
          columns: {k: k, v: {lookup: x}}
          on_conflict: overwrite
        limits: {max_failed: 120%}
        """,
    )
    assert [line for line, _ in found] == [1, 5, 6, 7]
    assert found[0][1] == "unknown-key"


def test_all_findings_of_the_database_are_collected_too(workbench: Workbench) -> None:
    found = findings(
        workbench,
        """\
        target:
          table: t
          key: v
          columns:
            v: v
            kk: k
            w: {value: now, on_update: keep}
            x: {lookup: nowhere, match: {a: b}, take: c}
        """,
    )
    assert found == [(3, "key-index"), (4, "unfilled-column"), (6, "unknown-column"), (8, "unknown-column")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("on_conflict: NO", "NO"),
        ("table: 010", "010"),
        ("table: 12:30", "12:30"),
        ("table: &a t", "&a"),
        ("table: t, table: t", "table"),
        ("on_conflict: udpate", '"update"'),
        ("tabel: t", 'did you mean "table"'),
    ],
)
def test_the_traps_of_yaml_and_misspelt_words_are_errors_with_their_place(
    workbench: Workbench, line: str, said: str
) -> None:
    text = f"target: {{table: t, key: k, columns: {{k: k}}, {line}}}"
    text = text.replace("table: t, ", "", 1) if line.startswith(("table", "tabel")) else text
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY)")
    workbench.pipeline("p", text)
    with pytest.raises(ConfigError) as refused:
        workbench.run("p", "k\n1\n")
    assert str(refused.value).startswith("pipelines/p.yaml:1:")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("index", "key", "why"),
    [
        ("UNIQUE INDEX ON t (v) WHERE k > 0", "v", "partial"),
        ("UNIQUE INDEX ON t (lower(v))", "v", ""),
        ("INDEX ON t (v)", "v", ""),
        ("UNIQUE INDEX ON t (v, w)", "v", ""),
    ],
)
def test_a_key_without_a_fit_unique_index_is_refused_with_the_statement_that_makes_one(
    workbench: Workbench, index: str, key: str, why: str
) -> None:
    workbench.sql(f"CREATE TABLE t (k int PRIMARY KEY, v text, w text); CREATE {index}")
    workbench.pipeline("p", f"target: {{table: t, key: {key}, columns: {{k: k, v: v}}}}")
    with pytest.raises(ConfigError, match=r"key-index.*CREATE UNIQUE INDEX ON public\.t \(v\)") as refused:
        workbench.run("p", "k,v\n1,a\n")
    assert why in str(refused.value)


def test_a_deferrable_key_is_refused(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text UNIQUE DEFERRABLE)")
    workbench.pipeline("p", "target: {table: t, key: v, columns: {k: k, v: v}}")
    with pytest.raises(ConfigError, match=r"key-index.*deferrable"):
        workbench.run("p", "k,v\n1,a\n")


def test_a_generated_column_cannot_be_a_target(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v int GENERATED ALWAYS AS (k * 2) STORED)")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, v: v}}")
    with pytest.raises(ConfigError, match="generated-column"):
        workbench.run("p", "k,v\n1,2\n")


def test_braces_and_dollars_in_a_pipeline_are_texts_and_nothing_is_expanded(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME_OF_RULES", "expanded")
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text)")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, v: {value: '{{ k }} $HOME_OF_RULES %(k)s'}}}")
    workbench.run("p", "k\n1\n")
    assert workbench.sql("SELECT v FROM t") == [("{{ k }} $HOME_OF_RULES %(k)s",)]
