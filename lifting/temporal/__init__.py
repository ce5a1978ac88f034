"""What ties frames together: ``TimeKernel`` couples poses, ``Windows`` cut long tracks, ``smooth_track`` smooths.

``OneEuro`` and ``BodyFilter`` smooth while the camera runs, as strongly as ``jitter`` says that keypoints tremble.
"""
