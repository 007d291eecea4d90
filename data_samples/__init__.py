"""Synthetic discharges, made by rule from clinical templates: ``python -m data_samples.generate``. See README.md."""
