"""Pictures in, depth files out: what `predict_depth.py` does.

`opening` finds the pictures, `engines` the network, `plan` the files; `run` takes the pictures through the
network, `results` writes while it goes on, `formats` knows the files.
"""

from __future__ import annotations
