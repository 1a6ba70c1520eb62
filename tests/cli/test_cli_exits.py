from __future__ import annotations

import pytest

from cli.scripted_batches import batch
from ri_declarative.cli import exits
from ri_declarative.records import BatchStatus, StopReason


def test_finished_batches_give_0_or_1() -> None:
    assert exits.of_batch(batch(failed_items=0)) == 0
    assert exits.of_batch(batch(failed_items=0, skipped_items=7)) == 0
    assert exits.of_batch(batch(failed_items=1)) == 1
    assert exits.of_batch(batch(failed_items=0, error_message="on_batch_complete: KeyError")) == 1


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (StopReason.MAX_FAILED, 4),
        (StopReason.ITEM_FAILED, 4),
        (StopReason.HOOK, 4),
        (StopReason.INTERRUPTED, 130),
        (StopReason.DATABASE, 3),
        (StopReason.SOURCE, 3),
        (StopReason.ERROR, 3),
        (None, 3),
    ],
)
def test_a_stopped_batch_gives_the_code_of_its_reason(reason: StopReason | None, code: int) -> None:
    assert exits.of_batch(batch(status=BatchStatus.FAILED, stop_reason=reason, failed_items=0)) == code


def test_the_signal_decides_between_130_and_143() -> None:
    interrupted = batch(status=BatchStatus.FAILED, stop_reason=StopReason.INTERRUPTED)
    assert exits.of_batch(interrupted, 143) == 143
    assert exits.of_batch(batch(failed_items=0), 143) == 0  # it came too late: the batch was finished


@pytest.mark.parametrize("reason", [StopReason.MAX_FAILED, StopReason.SOURCE, StopReason.ITEM_FAILED, StopReason.HOOK])
def test_a_bad_file_does_not_end_the_command(reason: StopReason) -> None:
    assert not exits.ends_the_command(batch(status=BatchStatus.FAILED, stop_reason=reason))


@pytest.mark.parametrize("reason", [StopReason.DATABASE, StopReason.INTERRUPTED, StopReason.ERROR])
def test_a_lost_world_ends_the_command(reason: StopReason) -> None:
    assert exits.ends_the_command(batch(status=BatchStatus.FAILED, stop_reason=reason))
