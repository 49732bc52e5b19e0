"""Where a search's work is done: on the machines of a Ray cluster, or in this machine's processes."""
