"""`python -m ri_declarative.codes`: prints docs/errors.md."""

from __future__ import annotations

from ri_declarative.codes.page import rendered

print(rendered(), end="")
