"""What only many visits show: rules across visits and against peers, indicators; in DuckDB over Parquet."""

from claims.across.hits import Settings, Summary, check, run

__all__ = ["Settings", "Summary", "check", "run"]
