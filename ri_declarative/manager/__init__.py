"""The public verbs: everything a face can do, Python can do."""

from ri_declarative.manager.batch_manager import BatchManager

__all__ = ["BatchManager"]
