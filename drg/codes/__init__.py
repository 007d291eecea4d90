"""Code systems: ICD-10 and ICD-9-CM-3, NHSA edition, with crosswalk and search."""

from drg.codes.catalogue import SYSTEMS, Catalogue, Resolution, System, load_catalogue
from drg.codes.normalise import normalise_code

__all__ = ["SYSTEMS", "Catalogue", "Resolution", "System", "load_catalogue", "normalise_code"]
