"""The live mode: ``Session`` takes pictures from ``source``, detects, lifts, shows and records, each on its thread.

``server`` and ``page`` show it in a browser, ``window`` on the desktop; ``Recorder`` writes what is to be kept.
"""
