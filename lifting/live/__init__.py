"""Lifting while the camera runs, from the past alone: ``LiveLifter`` gives a ``LivePose`` per person and frame.

``memory`` keeps what is known of each person, ``live_track`` makes a track of what was recorded.
"""
