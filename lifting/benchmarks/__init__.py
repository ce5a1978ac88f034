"""Known answers to measure lifting against: data sets, motion capture before synthetic cameras, calibrated cameras.

``datasets`` reads them, ``hypotheses`` lifts them, ``scoring`` and ``statistics`` make figures of the errors. For
motions in the world there are ``moving_cameras``, ``ground`` (what is true of feet and floor) and ``world_measures``.
"""
