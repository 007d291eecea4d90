"""Payment by DRG: contracts as data, pricing of whole tables and of one case, year-end settlement."""
