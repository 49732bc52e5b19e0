"""A folder that is watched: every new file is one retraining of the model in force, in order, once."""
