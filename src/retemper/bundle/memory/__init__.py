"""What a model remembers of its training, so that it can be trained again: never raw rows unless the user says so."""
