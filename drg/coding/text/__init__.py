"""What a Chinese record text says: terms with their context, measured values, sections; all with offsets.

    from drg.coding.text import read
    read("否认高血压，右肺炎可能").mentions

Words are found by jieba (dictionary only, its bundled word list) with a medical dictionary made from the code
catalogue, and judged by tables of cues in ``data/``; no model, no download, no cache file.
"""

from drg.coding.text.annotated import Annotated, Measurement, Mention, Section
from drg.coding.text.reader import MAX_CHARACTERS, read

__all__ = ["MAX_CHARACTERS", "Annotated", "Measurement", "Mention", "Section", "read"]
