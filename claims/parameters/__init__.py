"""Settings of the rules that differ between payers: one file a region, each value with the days on which it holds."""
