"""A preparer, a schema and a target that take in what is new: levels, columns, classes; all that was learnt stays."""
