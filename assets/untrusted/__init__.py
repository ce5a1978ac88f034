"""The one way to read a file that nobody vouches for: nothing in it is run, and nothing is made before it was counted.

Every count and shape that a file declares is compared with the size of the file and with ``Limits`` first, which a user
can raise. What cannot be used raises ``UntrustedFileError``. By kind: ``arrays`` (.npz, .npy), ``pickles``, ``texts``
(plain, JSON, TOML), ``weights`` (safetensors, checkpoints), ``hdf5``, ``images``, ``heif`` (made of
tiles) and ``webp`` (animated).
"""

from assets.untrusted.limits import LIMITS, Limits, UntrustedFileError, limits_in_force, raised

__all__ = ["LIMITS", "Limits", "UntrustedFileError", "limits_in_force", "raised"]
