"""The detector that ships and runs on any CPU: MoveNet finds people in the whole picture and looks at each from near.

``MoveNetDetector`` is the detector; where it looks next is decided in ``crops``.
"""
