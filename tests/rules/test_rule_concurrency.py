"""concurrency: whether two batches of one pipeline are worked on at once; and that one content never is."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.embedded import eventually
from support.interruptions import check_accounts, killed_run
from support.workbench import Workbench

from ri_declarative import BatchManager, BatchSummary
from ri_declarative.errors import RiError, StoppedError
from ri_declarative.manager import beginning
from ri_declarative.records import BatchStatus, Progress, StopReason

PATIENCE_S = 30.0
MONDAY, TUESDAY = "k,v\n1,a\n2,b\n3,c\n", "k,v\n1,d\n2,e\n3,f\n"


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits looks again soon."""
    monkeypatch.setattr(beginning, "_LOOK_AGAIN_S", 0.02)


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text); CREATE TABLE u (k int PRIMARY KEY, v text)")
    return workbench


def pipeline(bench: Workbench, concurrency: str | None, *, name: str = "p", table: str = "t") -> None:
    word = f"concurrency: {concurrency}\n" if concurrency else ""
    target = f"{{table: {table}, key: k, columns: {{k: k, v: v}}}}"
    bench.pipeline(name, f"source: {{format: csv}}\ntarget: {target}\nchunk_size: 1\n{word}")


class Held:
    """A run in a thread of its own that has committed its first record and waits to be let go."""

    def __init__(self, bench: Workbench, work: Callable[..., object]) -> None:
        self.batch_id = ""
        self._began, self._goes_on = threading.Event(), threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(bench, work))

    def _run(self, bench: Workbench, work: Callable[..., object]) -> None:
        try:
            with bench.manager() as manager:
                work(manager, on_batch=self._is_begun, on_progress=self._waits)
        except Exception as error:
            self._failure = error
        finally:
            self._began.set()

    def _is_begun(self, batch_id: str) -> None:
        self.batch_id = batch_id

    def _waits(self, progress: Progress) -> None:
        self._began.set()
        self._goes_on.wait(PATIENCE_S)

    def let_go(self) -> None:
        """Nothing; it ends sooner or later."""
        self._goes_on.set()

    @contextmanager
    def running(self) -> Iterator[Held]:
        """Within: it works on its batch, until it is let go; afterwards it has ended well."""
        self._thread.start()
        try:
            assert self._began.wait(PATIENCE_S)
            yield self
        finally:
            self.let_go()
            self._thread.join(PATIENCE_S)
        assert self._failure is None


def file_run(bench: Workbench, content: str = MONDAY, *, name: str = "p") -> Held:
    """A run of a file, held."""
    file = bench.file(f"data/{name}-monday.csv", content)
    return Held(bench, lambda manager, **words: manager.run_pipeline(name, file, **words))


def in_thread(work: Callable[[], BatchSummary]) -> tuple[threading.Thread, list[BatchSummary]]:
    """A started thread, and where its result will be."""
    results: list[BatchSummary] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    return thread, results


def refusal(verb: Callable[..., object], *words: Any, **options: Any) -> RiError:
    with pytest.raises(RiError) as error:
        verb(*words, **options)
    return error.value


def says_that_it_waits(caplog: pytest.LogCaptureFixture, held: Held, waiting: threading.Thread) -> bool:
    """Whether a run in that thread says that it waits for the batch, while it does."""
    told = f"waiting for batch {held.batch_id}"
    assert eventually(lambda: told in caplog.text or not waiting.is_alive(), within_s=PATIENCE_S)
    return waiting.is_alive()


def order_of_work(bench: Workbench) -> list[tuple[str, int]]:
    """Batch and number of every item, in the order in which they were booked."""
    return bench.sql("SELECT batch_id::text, item_index FROM import_batch_items ORDER BY processed_at, item_index")


# ── different files ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("concurrency", [None, "one"], ids=["default", "one"])
def test_a_run_of_another_file_waits_and_says_for_what(
    bench: Workbench, concurrency: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline(bench, concurrency)
    tuesday = bench.file("tuesday.csv", TUESDAY)
    with bench.manager() as manager, file_run(bench).running() as first:
        thread, results = in_thread(lambda: manager.run_pipeline("p", tuesday))
        assert says_that_it_waits(caplog, first, thread)
        assert "of p-monday.csv (" in caplog.text  # host and process
        assert bench.sql("SELECT count(*) FROM import_batches") == [(1,)]
        first.let_go()
        thread.join(PATIENCE_S)
    [second] = results
    assert (second.status, second.updated_items) == (BatchStatus.COMPLETED, 3)
    assert order_of_work(bench) == [(b, n) for b in (first.batch_id, second.batch_id) for n in range(3)]
    assert caplog.text.count("waiting for") == 1
    assert "importing it again" not in caplog.text


def test_many_go_on_beside_each_other(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    pipeline(bench, "many")
    with file_run(bench).running() as first:
        second = bench.run("p", TUESDAY.replace("1,", "4,").replace("2,", "5,").replace("3,", "6,"))
        assert second.status is BatchStatus.COMPLETED
        assert bench.sql("SELECT status FROM import_batches WHERE id = %s", [first.batch_id]) == [("processing",)]
    assert "waiting" not in caplog.text
    assert bench.sql("SELECT count(*) FROM t") == [(6,)]


def test_other_pipelines_do_not_wait_for_each_other(bench: Workbench) -> None:
    pipeline(bench, "one")
    pipeline(bench, "one", name="q", table="u")
    with file_run(bench).running():
        assert bench.run("q", MONDAY).status is BatchStatus.COMPLETED


def test_several_that_wait_come_one_after_the_other(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    pipeline(bench, None)
    files = [bench.file(f"{n}.csv", f"k,v\n1,{n}\n2,{n}\n") for n in range(3)]

    def run(file: Path) -> BatchSummary:
        with bench.manager() as manager:
            return manager.run_pipeline("p", file)

    with file_run(bench).running() as first:
        waiting = [in_thread(lambda file=file: run(file)) for file in files]  # type: ignore[misc]
        assert eventually(lambda: caplog.text.count(f"waiting for batch {first.batch_id}") == 3, within_s=PATIENCE_S)
        first.let_go()
        for thread, _ in waiting:
            thread.join(PATIENCE_S)
    batches = [batch for batch, _ in order_of_work(bench)]
    assert len(batches) == 9
    assert sum(a != b for a, b in itertools.pairwise(batches)) == 3
    assert [results[0].status for _, results in waiting] == ["completed"] * 3


def test_a_stop_ends_the_waiting_and_nothing_is_written(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    pipeline(bench, None)
    tuesday = bench.file("tuesday.csv", TUESDAY)
    with bench.manager() as manager, file_run(bench).running() as first:
        told = f"waiting for batch {first.batch_id}"
        refused = refusal(manager.run_pipeline, "p", tuesday, should_stop=lambda: told in caplog.text)
        assert isinstance(refused, StoppedError)
        assert (refused.code, first.batch_id in refused.message) == ("interrupted", True)
        assert bench.sql("SELECT count(*) FROM import_batches") == [(1,)]


def test_nobody_waits_for_a_runner_that_is_dead(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    pipeline(bench, None)
    monday = bench.file("monday.csv", MONDAY)
    with bench.manager() as manager:
        dead = killed_run(bench, lambda **words: manager.run_pipeline("p", monday, **words), 1)
        assert bench.run("p", TUESDAY).status is BatchStatus.COMPLETED
        assert manager.get_batch(dead).stop_reason is StopReason.LOST
    assert "waiting" not in caplog.text


# ── the same content ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("concurrency", ["one", "many"])
@pytest.mark.parametrize("new_batch", [False, True])
def test_one_content_is_never_read_twice_at_once(bench: Workbench, concurrency: str, new_batch: bool) -> None:
    pipeline(bench, concurrency)
    copy = bench.file("copy.csv", MONDAY)
    with bench.manager() as manager, file_run(bench).running() as first:
        refused = refusal(manager.run_pipeline, "p", copy, new_batch=new_batch)
        assert isinstance(refused, StoppedError)
        assert (refused.code, refused.exit_code) == ("batch-running", 3)
        [(owner,)] = bench.sql("SELECT owner FROM import_batches")
        assert f"batch {first.batch_id} of p-monday.csv ({owner})" in refused.message
        assert "--wait" in (refused.hint or "")
    assert bench.sql("SELECT count(*), sum(completed) FROM import_batches") == [(1, 3)]


@pytest.mark.parametrize("concurrency", ["one", "many"])
def test_who_waits_for_the_same_content_finds_it_imported(
    bench: Workbench, concurrency: str, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline(bench, concurrency)
    copy = bench.file("copy.csv", MONDAY)
    with bench.manager() as manager, file_run(bench).running() as first:
        thread, results = in_thread(lambda: manager.run_pipeline("p", copy, wait=True))
        assert says_that_it_waits(caplog, first, thread)
        first.let_go()
        thread.join(PATIENCE_S)
    [second] = results
    assert (second.status, second.unchanged_items) == (BatchStatus.COMPLETED, 3)
    assert f"by batch {first.batch_id}; importing it again" in caplog.text


def test_who_waits_for_a_content_that_stops_goes_on_with_it(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    pipeline(bench, None)
    monday = bench.file("monday.csv", MONDAY)
    stop = threading.Event()
    held = Held(bench, lambda manager, **words: manager.run_pipeline("p", monday, should_stop=stop.is_set, **words))
    with bench.manager() as manager, held.running() as first:
        thread, results = in_thread(lambda: manager.run_pipeline("p", monday, wait=True))
        assert says_that_it_waits(caplog, first, thread)
        stop.set()
        first.let_go()
        thread.join(PATIENCE_S)
    [done] = results
    assert (done.batch_id, done.status, done.completed_items) == (first.batch_id, BatchStatus.COMPLETED, 3)
    check_accounts(bench, done.batch_id)


def test_a_batch_that_is_worked_on_is_not_resumed_abandoned_processed_or_reprocessed(bench: Workbench) -> None:
    pipeline(bench, "many")
    with bench.manager() as manager, file_run(bench).running() as first:
        verbs = (manager.resume_batch, manager.abandon_batch, manager.process_batch, manager.reprocess_batch)
        for verb in verbs:
            refused = refusal(verb, first.batch_id)
            assert (refused.code, refused.exit_code, first.batch_id in refused.message) == ("batch-running", 3, True)
        assert manager.rescue_batches() == manager.unfinished_batches() == []


def test_who_waits_to_resume_a_batch_that_is_finished_meanwhile_has_nothing_to_do(
    bench: Workbench, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline(bench, None)
    errors: list[RiError] = []
    with bench.manager() as manager, file_run(bench).running() as first:
        resume = lambda: errors.append(refusal(manager.resume_batch, first.batch_id, wait=True))  # noqa: E731
        thread = threading.Thread(target=resume)
        thread.start()
        assert says_that_it_waits(caplog, first, thread)
        first.let_go()
        thread.join(PATIENCE_S)
    assert [error.code for error in errors] == ["nothing-to-resume"]


# ── repairs ──────────────────────────────────────────────────────────────────────────────────


def repair(bench: Workbench) -> tuple[str, Held]:
    """A batch with failed records, and a run that takes them again, held."""
    batch = bench.run("p", "k,v\nx1,a\nx2,b\n9,c\n")
    pipeline(bench, None)
    return batch.batch_id, Held(bench, lambda manager, **words: manager.reprocess_batch(batch.batch_id, **words))


@pytest.mark.parametrize("concurrency", ["one", "many"])
def test_one_batch_is_never_repaired_twice_at_once(bench: Workbench, concurrency: str) -> None:
    pipeline(bench, concurrency)
    batch_id, again = repair(bench)
    with bench.manager() as manager, again.running():
        refused = refusal(manager.reprocess_batch, batch_id)
        assert (refused.code, refused.exit_code, again.batch_id in refused.message) == ("batch-running", 3, True)
    assert bench.sql("SELECT count(*) FROM import_batches") == [(2,)]


def test_a_file_waits_for_a_repair(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    pipeline(bench, None)
    tuesday = bench.file("tuesday.csv", TUESDAY)
    _, again = repair(bench)
    with bench.manager() as manager, again.running():
        thread, results = in_thread(lambda: manager.run_pipeline("p", tuesday))
        assert says_that_it_waits(caplog, again, thread)
        again.let_go()
        thread.join(PATIENCE_S)
    assert [batch.status for batch in results] == ["completed"]


def test_a_repair_waits_for_a_file(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    pipeline(bench, None)
    batch = bench.run("p", "k,v\nx1,a\nx2,b\n9,c\n")
    with bench.manager() as manager, file_run(bench).running() as first:
        thread = threading.Thread(target=manager.reprocess_batch, args=(batch.batch_id,))
        thread.start()
        assert says_that_it_waits(caplog, first, thread)
        first.let_go()
        thread.join(PATIENCE_S)
        assert len(manager.list_batches()) == 3


# ── stored items ─────────────────────────────────────────────────────────────────────────────


def stored(manager: BatchManager) -> str:
    """The id of a batch of create_batch."""
    return manager.create_batch("p", [{"k": str(k), "v": "s"} for k in (7, 8)], {"format": "csv"})


def test_stored_items_do_not_wait_for_a_file(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    pipeline(bench, None)
    with bench.manager() as manager, file_run(bench).running():
        assert manager.process_batch(stored(manager)).status is BatchStatus.COMPLETED
    assert "waiting" not in caplog.text


def test_a_file_does_not_wait_for_stored_items_and_they_not_for_each_other(
    bench: Workbench, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline(bench, None)
    with bench.manager() as manager:
        first, second = stored(manager), manager.create_batch("p", [{"k": "9", "v": "s"}], {"format": "csv"})
        held = Held(bench, lambda other, **words: other.process_batch(first, **words))
        with held.running():
            assert bench.run("p", MONDAY).status is BatchStatus.COMPLETED
            assert manager.process_batch(second).status is BatchStatus.COMPLETED
            assert refusal(manager.process_batch, first).code == "batch-running"
            assert refusal(manager.resume_batch, first).code == "batch-running"
    assert "waiting" not in caplog.text
    assert bench.sql("SELECT count(*) FROM t") == [(6,)]
