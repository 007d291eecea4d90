"""Risk of claims: training, evaluation, scoring, reasons, drift; and a ranking before any label exists."""
