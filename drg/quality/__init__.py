"""Record quality: what is wrong or missing in a front page, a settlement list or a whole record."""
