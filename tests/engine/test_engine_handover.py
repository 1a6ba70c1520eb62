"""The interpreter's switch interval belongs to the process: runs in several threads leave it as it was."""

from __future__ import annotations

import sys
from contextlib import ExitStack

from ri_declarative.engine.handover import quick_handover


def test_runs_that_overlap_leave_the_interval_as_it_was() -> None:
    before = sys.getswitchinterval()
    first, second = ExitStack(), ExitStack()
    first.enter_context(quick_handover())
    second.enter_context(quick_handover())
    first.close()
    assert sys.getswitchinterval() < before
    second.close()
    assert sys.getswitchinterval() == before
