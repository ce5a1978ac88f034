"""Keypoints that somebody else found: files of other programs, and our own, read strictly as the people of a video.

``read_keypoints`` knows the format by what stands in a file; ``FileDetector`` gives its people frame by frame, as a
detector does.
"""
