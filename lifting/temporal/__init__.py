"""What ties frames together: ``TimeKernel`` couples the poses of a window, ``smooth_track`` smooths a track.

``OneEuro`` and ``BodyFilter`` smooth while the camera runs, as strongly as ``jitter`` says that keypoints tremble.
"""
