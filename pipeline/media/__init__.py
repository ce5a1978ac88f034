"""Pictures out of video files: ``read_frames`` gives them upright, with the times at which they are shown.

``demux`` opens files and survives damaged ones, ``damage`` tells what was wrong, ``prefetch`` decodes ahead on a
thread. ``pictures`` makes a film of many, ``tiles`` one picture of tiles, ``tone`` SDR of HDR.
"""
