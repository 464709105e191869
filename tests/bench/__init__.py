"""Benchmarks: each row of "Fast", our path and the limit it is held against, by turns in one run.

`./cox bench [NAME…]`; what was seen and how to repeat it stands in docs/performance.md.
"""
