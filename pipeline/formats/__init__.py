"""The formats of files made from a finished result, one module each; the registry is pipeline/results/exporters.py.

Each has a subclass of Exporter, whose docstring is the contract. What they share of frames of reference and of gaps
is pipeline/results/standing.py.
"""
