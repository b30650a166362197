# SPDX-License-Identifier: MIT
"""The maintainers' side in Python: ``store``, ``dashboard``, ``backup``; ``serve`` runs them, ``status`` looks at them.

Only the store needs more than Python and programs. What they have of each other is in ``files``, and in the folder of
data that it describes.
"""
