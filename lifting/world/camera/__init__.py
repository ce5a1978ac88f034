"""How the camera moved, from points of the background: still, turning, moving, or not to be known from them.

``solve_camera_motion`` decides shot by shot: ``turning`` chains rotations and zooms over key frames, and ``pairs`` has
what two frames say of each other.
"""
