"""People and their keypoints in pictures, and who is who from frame to frame.

A detector is one class after the contract in ``base`` and a line in ``registry``. What goes on to lifting is
``PersonTrack2D``; ``to_h36m17`` brings any of the named ``LAYOUTS`` into the joints that lifting works with.
"""
