"""Does a model do worse on new rows than it did? Measured with labels, estimated without."""
