# SPDX-License-Identifier: MIT
"""The maintainers' side in Python: ``store``, ``dashboard``, ``backup``; ``serve`` runs them, ``status`` checks them.

Only the store needs other Python packages. The parts share only the module ``files`` and the data folder that it
describes.
"""
