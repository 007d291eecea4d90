"""Record files (front page, settlement list, plain table) as cases and rejections; see ``docs/records.md``."""

from drg.records.findings import render_rejections
from drg.records.inspection import Inspection, inspect
from drg.records.record_file import Batch, RecordFile, read

__all__ = ["Batch", "Inspection", "RecordFile", "inspect", "read", "render_rejections"]
