"""Row by row: detectors that are told one value after the other, and where in a stream a change lies.

A detector's ``update(value)`` says whether a change has just been found; after one it begins anew.
"""
