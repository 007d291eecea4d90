"""The node of a party: answers the peer's jobs over mutual TLS."""
