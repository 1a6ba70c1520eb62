"""What the tests of the spec layer share: types of the fixtures, and the design's example."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ri_declarative.errors import Diagnostic
from ri_declarative.spec.pipeline import Pipeline

Write = Callable[[str, str], Path]  # path in the project, text → the file
Load = Callable[[str], Pipeline]  # text of the pipeline `p` → the pipeline
Findings = Callable[[str], list[Diagnostic]]  # the same → every finding, [] when it is right

CUSTOMERS = Path(__file__).with_name("design_example.yaml").read_text(encoding="utf-8")  # DESIGN.md section 3
