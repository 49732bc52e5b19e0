"""Families of drift tests, one file each; the file's name is the family's.

A family has ``KIND`` (what has drifted where it detects something), ``ABOUT`` (one sentence) and ``run(samples)``,
which returns :class:`retemper.retraining.two_samples.found.Found` or raises ``NotApplicable``.

Its p-values must hold at any number of rows: exact, or by permutation. Whether it applies, and anything else that it
decides before testing, may depend on both samples together only, never on which row is of which side.
"""
