"""More people than were recorded: ``take_apart`` poses, vary and exchange parts, ``assemble`` them, look at them.

``draw_poses`` and ``draw_windows`` vary recordings, ``draw_views`` makes keypoints of them as detectors see them, and
``infant_poses`` puts the limbs of adults on infants.
"""
