"""What a user may import from `ri_declarative`; a change here is a change of the public interface."""

import ri_declarative

PUBLIC_NAMES = [
    "Action",
    "BaseProcessor",
    "BatchManager",
    "BatchStatistics",
    "BatchStatus",
    "BatchSummary",
    "ConfigError",
    "ConnectionLost",
    "DatabaseError",
    "Diagnostic",
    "ImportContext",
    "ImportItem",
    "Item",
    "ItemError",
    "ItemStatus",
    "LostOwnership",
    "NotableBatch",
    "Outcome",
    "PassingFault",
    "Problem",
    "ProblemGroup",
    "Processor",
    "ProcessorRegistry",
    "Progress",
    "Record",
    "Retry",
    "RiError",
    "Severity",
    "SkipItem",
    "SourceError",
    "SourceFault",
    "StopReason",
    "StoppedError",
    "TypeStatistics",
    "UsageError",
]


def test_the_public_names_are_these() -> None:
    assert sorted(ri_declarative.__all__) == sorted(PUBLIC_NAMES)


def test_every_public_name_can_be_imported() -> None:
    for name in PUBLIC_NAMES:
        assert getattr(ri_declarative, name).__name__ == name
