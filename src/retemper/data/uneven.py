"""From which ratio of the largest class to the smallest on a table is uneven, in rows; for whoever loads no table."""

UNEVEN, VERY_UNEVEN = 4.0, 10.0
