"""CASES 36: wrong answers of a hook fail their item alone; a changed input never reaches what was read."""

from __future__ import annotations

import pytest

from processors.hook_bench import BAD, JUDGES, VALUES, HookBench, check_bad_one_failed_alone, crossed
from processors.hook_bench import check_called_once as called_once

WRONG_FOR_TRANSFORM = {
    "list": "return [1, 2]",
    "text": "return 'record'",
    "number": "return 7",
    "True": "return True",
    "False": "return False",
    "generator": "return (x for x in 'ab')",
    "numbers as keys": "return {1: 2}",
    "class": "return dict",
}
WRONG_FOR_VALIDATE = {
    "None": "return None",
    "number": "return 1",
    "zero": "return 0",
    "text": "return 'yes'",
    "dict": "return item.data",
    "item": "return item",
}
WRONG_FOR_PROCESS = {
    "list": "store(item, ctx); return [1]",
    "text": "store(item, ctx); return 'done'",
    "True": "store(item, ctx); return True",
    "action": "store(item, ctx); return {'action': 'insrted'}",
    "action of a list": "store(item, ctx); return {'action': ['inserted']}",
    "table": "store(item, ctx); return {'target_table': 5}",
    "object": "store(item, ctx); return {'processed_data': object()}",
    "circle": "store(item, ctx); d = {}; d['d'] = d; return {'processed_data': d}",
    "not a number": "store(item, ctx); return {'processed_data': {'x': decimal.Decimal('NaN')}}",
    "huge number": "store(item, ctx); return {'processed_data': {'x': decimal.Decimal('1e200000')}}",
    "further": "store(item, ctx); return {'colour': object()}",
    "id": """
        store(item, ctx)
        class Unsaid:
            def __str__(self):
                raise KeyboardInterrupt
        return {"target_id": Unsaid()}
    """,
}
# What JSON or a column cannot hold: the item fails, at whatever stage finds it.
STRANGE_VALUES = {
    "object": "object()",
    "class": "dict",
    "bytes": "b'raw'",
    "set": "{1, 2}",
    "nan": "float('nan')",
    "infinity": "float('inf')",
    "Decimal NaN": "decimal.Decimal('NaN')",
    "Decimal sNaN": "decimal.Decimal('sNaN')",
    "a number of a million digits": "10 ** 1_000_000",
    "lone surrogate": "'a\\udc80b'",
    "NUL": "'a\\x00b'",
    "nested": "[[[object()]]]",
    "numbers as keys": "{1: 2}",
    "circle": "CIRCLE",
    "deep": "DEEP",
    "a mapping that raises": "Raising()",
    "a text that raises": "Text()",
}
STRANGE = """
CIRCLE = []
CIRCLE.append(CIRCLE)
DEEP = []
for _ in range(100_000):
    DEEP = [DEEP]

class Raising(dict):
    def items(self):
        raise SystemExit
    __iter__ = keys = values = items

class Text(str):
    def __str__(self):
        raise KeyboardInterrupt
    encode = __len__ = __iter__ = __eq__ = strip = __str__
    __hash__ = str.__hash__

def transform_item(item, ctx):
    called("transform_item", item)
    return {**item.data, "v": %s} if item.data["v"] == "bad" else item.data
"""


@pytest.mark.parametrize("body", WRONG_FOR_TRANSFORM.values(), ids=WRONG_FOR_TRANSFORM)
@pytest.mark.parametrize("hook", ["transform_item", "transform_chunk"])
def test_a_wrong_answer_of_transform_fails_its_item_alone(bench: HookBench, hook: str, body: str) -> None:
    ended = bench.misbehaving(("hooks", hook), body)()
    assert ended.error is None
    bench.check_books(ended.batch)
    (problem,) = bench.items(ended.batch)[BAD - 1].problems
    assert (problem.code, f"{hook} returned" in problem.message) == (f"hook.{hook}", True)
    assert [k for k, _ in bench.rows()] == [1, 2, 4, 5]


@pytest.mark.parametrize("body", WRONG_FOR_VALIDATE.values(), ids=WRONG_FOR_VALIDATE)
@pytest.mark.parametrize("kind", ["hooks", "class"])
def test_a_wrong_answer_of_validate_item_fails_its_item_alone(bench: HookBench, kind: str, body: str) -> None:
    ended = bench.misbehaving((kind, "validate_item"), body)()
    failed = check_bad_one_failed_alone(bench, ended, "validate_item")
    assert "expected True or False" in failed.problems[0].message


@pytest.mark.parametrize("body", WRONG_FOR_PROCESS.values(), ids=WRONG_FOR_PROCESS)
@pytest.mark.parametrize("kind", ["hooks", "class"])
def test_a_wrong_answer_of_process_item_fails_its_item_alone(bench: HookBench, kind: str, body: str) -> None:
    check_bad_one_failed_alone(bench, bench.misbehaving((kind, "process_item"), body)(), "process_item")


@pytest.mark.parametrize("body", ["return None", "return 0", "return 'stop'", "return []", "return 1"])
@pytest.mark.parametrize("kind", ["hooks", "class"])
def test_only_false_of_on_item_error_stops_the_batch(bench: HookBench, kind: str, body: str) -> None:
    ended = bench.misbehaving((kind, "on_item_error"), body)()
    check_bad_one_failed_alone(bench, ended, "on_item_error")


@pytest.mark.parametrize("hook", ["transform_item", "transform_chunk"])
def test_none_of_transform_skips_the_record(bench: HookBench, hook: str) -> None:
    ended = bench.misbehaving(("hooks", hook), "return None")()
    bench.check_books(ended.batch)
    assert (ended.batch.completed_items, ended.batch.skipped_items) == (4, 1)


@pytest.mark.parametrize("kind", ["hooks", "class"])
def test_none_of_process_item_completes_the_item(bench: HookBench, kind: str) -> None:
    ended = bench.misbehaving((kind, "process_item"), "store(item, ctx); return None")()
    bench.check_books(ended.batch)
    assert (ended.batch.completed_items, ended.batch.inserted_items) == (5, 4)


@pytest.mark.parametrize("value", STRANGE_VALUES.values(), ids=STRANGE_VALUES)
def test_a_value_that_no_column_takes_fails_its_item_alone(bench: HookBench, value: str) -> None:
    bench.hooks(STRANGE % value)
    ended = bench.run()
    assert ended.error is None
    bench.check_books(ended.batch)
    assert (ended.batch.completed_items, ended.batch.failed_items) == (4, 1)
    assert [k for k, _ in bench.rows()] == [1, 2, 4, 5]
    called_once(bench, "transform_item")


@pytest.mark.parametrize("name", ["target_id", "target_table"])
@pytest.mark.parametrize("text", ["'a\\x00b'", "'a\\udc80b'", "'tab\\tand\\\\back'"])
def test_an_odd_text_for_the_item_harms_no_neighbour(bench: HookBench, name: str, text: str) -> None:
    ended = bench.misbehaving(("class", "process_item"), f"store(item, ctx); return {{'{name}': {text}}}")()
    assert ended.error is None
    bench.check_books(ended.batch)
    assert {1, 2, 4, 5} <= {k for k, _ in bench.rows()}


NESTED = '{"k": 3, "v": "bad", "more": {"list": [1, {"a": "b"}], "n": 1.50}}\n{"k": 4, "v": "d"}\n'
MUTATION = """
    item.data["v"] = "changed"
    item.data["more"]["list"][1]["a"] = "changed"
    item.data["more"]["list"].append(9)
    item.data["more"]["new"] = 1
"""
FROZEN = {
    "set": "item.source_data['v'] = 'x'",
    "delete": "del item.source_data['v']",
    "nested": "item.source_data['more']['list'][1]['a'] = 'x'",
    "append": "item.source_data['more']['list'].append(9)",
    "replace": "item.source_data = {}",
    "update": "item.source_data |= {'v': 'x'}",
    "id": "item.id = 'x'",
    "index": "item.index = 0",
    "line": "item.line = 0",
}


def run_nested(bench: HookBench, way: tuple[str, str], body: str) -> list[object]:
    """The stored source_data of both records, nested JSON in it."""
    pipeline = "source: {{format: jsonl, unknown_fields: ignore}}\n" + PIPELINE_WITH_MORE
    run = bench.misbehaving(way, body, **({"pipeline": pipeline} if way[0] == "hooks" else {}))
    if way[0] == "hooks":
        ended = bench.run(content=NESTED)
    else:
        more = {"list": [1, {"a": "b"}], "n": 1.5}
        with bench.workbench.manager() as manager:
            manager.registry.register("p", bench.module.PProcessor)
            batch_id = manager.create_batch("p", [{"k": 3, "v": "bad", "more": more}, {"k": 4, "v": "d"}])
            manager.process_batch(batch_id)
            return [dict(item.source_data) for item in manager.iter_items(batch_id)]  # type: ignore[arg-type]
    assert run is not None
    assert ended.error is None
    return [dict(item.source_data) for item in bench.items(ended.batch)]  # type: ignore[arg-type]


PIPELINE_WITH_MORE = """
schema: {{properties: {{k: {{type: integer}}, v: {{type: string}}, more: {{type: object}}}}}}
target: {{table: t, key: k, columns: {{k: k, v: v}}}}
chunk_size: {size}
"""


@pytest.mark.parametrize(("way", "body"), crossed({"data": MUTATION} | FROZEN, "data", "nested"))
def test_source_data_never_changes(bench: HookBench, way: tuple[str, str], body: str) -> None:
    first, second = run_nested(bench, way, body)
    assert first == {"k": 3, "v": "bad", "more": {"list": [1, {"a": "b"}], "n": 1.5}}
    assert second == {"k": 4, "v": "d"}


@pytest.mark.parametrize(("way", "body"), crossed(FROZEN, "set", ways=JUDGES))
def test_to_change_what_was_read_fails_the_item(bench: HookBench, way: tuple[str, str], body: str) -> None:
    if "more" in body:
        body = body.replace("['more']['list']", "['v']")
    check_bad_one_failed_alone(bench, bench.misbehaving(way, body)(), way[1])


def test_data_changed_in_place_counts_only_when_it_is_returned(bench: HookBench) -> None:
    bench.hooks(
        """
        def transform_item(item, ctx):
            before = dict(item.data)
            item.data["v"] = "changed"
            return item.data if before["k"] == 1 else before
        """
    )
    assert bench.run().batch.completed_items == 5
    assert bench.rows()[:2] == [(1, "changed"), (2, "b")]


def test_what_validate_item_changes_in_place_is_not_written(bench: HookBench) -> None:
    bench.hooks("def validate_item(item, ctx):\n    item.data['v'] = 'changed'\n    return True\n")
    assert bench.run().batch.completed_items == 5
    assert bench.rows() == VALUES


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_changed_key_leads_to_the_new_row(bench: HookBench, size: int) -> None:
    bench.hooks("def transform_item(item, ctx):\n    return {**item.data, 'k': item.data['k'] % 4 + 10}\n", size=size)
    ended = bench.run()
    assert ended.error is None
    assert bench.rows() == [(10, "d"), (11, "e"), (12, "b"), (13, "bad")]  # 1 and 5 have one key: the last wins
    assert [(i.target_id, i.source_data["k"]) for i in bench.items(ended.batch)][1:4] == [  # type: ignore[index, call-overload]
        ("12", "2"),
        ("13", "3"),
        ("10", "4"),
    ]
    assert (ended.batch.completed_items, ended.batch.failed_items) == (5, 0)
