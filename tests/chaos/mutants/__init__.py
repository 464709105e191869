"""Proof that the harness can fail: each safeguard is taken out, together with the fault that reveals it.

The same scenario runs twice on real servers: with the safeguard, where the harness's checks must find
nothing, and without it, where they must report. The product has no switch for that: tests replace the code.
"""
