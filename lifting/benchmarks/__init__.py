"""Known answers to measure lifting against: data sets, motion capture before synthetic cameras, calibrated cameras.

``datasets`` reads them, ``hypotheses`` lifts them, ``scoring`` and ``statistics`` make figures of the errors, and
``world_measures`` figures of whole clips in a world frame.
"""
