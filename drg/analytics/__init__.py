"""What cases tell a hospital: indicators, stays still running, the impact of a scheme, the payer's feedback.

``indicators`` computes every indicator of ``indicators.toml`` for any division of the cases; ``report`` shows them.
``running`` looks at stays before discharge, ``impact`` at the same cases under two schemes, ``feedback`` at what the
payer settled.
"""
