"""Two or more parties compute together. Knows ids and numbers, nothing of medicine. Not built yet."""
