"""Code systems: ICD-10 and ICD-9-CM-3, NHSA edition, with crosswalk and search."""
