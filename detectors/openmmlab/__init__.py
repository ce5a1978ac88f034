"""Detectors of the OpenMMLab zoo, where MMPose is installed: ``MMPoseDetector`` finds people, then their keypoints.

``zoo`` names the models, ``cache`` holds their weights, and ``compat`` lets packages load that are too old or too new.
"""
