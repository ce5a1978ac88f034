"""The frame of reference that stands still while camera and people move: up, the floor, the camera's own motion.

``CameraMotion`` says for every frame how the camera is turned, where it is and how it has zoomed, shot by shot.
"""
