"""Training from the command line: recordings become files of poses (``prepare``), and these become networks.

``run_job`` trains until it is done or stopped and goes on from its checkpoint; ``priors`` and ``adapt`` say what.
"""
