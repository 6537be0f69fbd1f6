"""Pictures that lead images: what a call asks for, how files become planes, who reads them.

``controls.Controls`` is the way in; each kind of picture is one file with a line in ``prepare``.
"""
