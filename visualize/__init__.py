"""Pictures of people: ``FrameComposer`` puts the video with its skeletons beside the 3D panel of ``scene``.

``gif`` and ``movie`` write pictures to files, ``live`` composes them while the camera runs; ``canvas`` draws in the
colours of ``palette``.
"""
