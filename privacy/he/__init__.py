"""Homomorphic encryption: exact fixed point over BFV, column-packed CKKS, and the worker process that runs them."""
