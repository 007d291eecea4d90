"""Who is tied to whom: persons, doctors, hospitals, phones, accounts and agents of the claims, as a graph."""
