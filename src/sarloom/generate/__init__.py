"""From a request to images: sampling, speckle, files and how they came to be.

Calling the package is :func:`sarloom.generate.run.generate`.
"""

from ..rooms import callable_room

callable_room(__name__, "sarloom.generate.run", "generate")
