"""How the camera moved, from points of the background: still, turning, moving, or not to be known from them.

``solve_camera_motion`` decides shot by shot: ``turning`` chains rotations and zooms over key frames, ``moving`` places
cameras and points together with what ``structure`` has, and ``pairs`` says what two frames tell of each other.
"""
