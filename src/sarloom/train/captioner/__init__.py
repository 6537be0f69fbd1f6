"""Teaching captioners: ``run`` for models of any family, ``embedded`` for the shipped one."""
