"""Page and Hinkley's test: has the mean of a stream risen?"""

from __future__ import annotations

from retemper.retraining.streams.options import in_range


class PageHinkley:
    """Sums how far each value lies above the mean so far, and speaks when the sum has risen by ``threshold``.

    m_t = Σ (x_i - mean_i - delta); a change where m_t - min m > threshold (Page 1954, "Continuous inspection
    schemes"; Hinkley 1971). Give it the errors of a model, and a rise is harm. It has no bound on false alarms of its
    own: threshold and delta are in the units of the values.

    Args:
        delta: a rise of the mean that is borne, 0 or more.
        threshold: the sum's rise that is a change, above 0; higher is later and surer.
        least_rows: values before the first alarm, 1 or more.

    >>> detector = PageHinkley(threshold=5)
    >>> rows = [0.0] * 100 + [1.0] * 20
    >>> [row for row, value in enumerate(rows) if detector.update(value)]
    [105]
    """

    rows: int
    _mean: float
    _sum: float
    _least: float

    def __init__(self, delta: float = 0.005, threshold: float = 50.0, least_rows: int = 30) -> None:
        self.delta = in_range("delta", delta, low=0.0)
        self.threshold = in_range("threshold", threshold, above=0.0)
        self.least_rows = int(in_range("least_rows", least_rows, low=1))
        self._begin()

    def update(self, value: float) -> bool:
        """Take a finite value; True when a change is found, and the test begins anew after it.

        Raises:
            InputError: the value is not finite.
        """
        value = in_range("value", value)
        self.rows += 1
        self._mean += (value - self._mean) / self.rows
        self._sum += value - self._mean - self.delta
        self._least = min(self._least, self._sum)
        found = self.rows >= self.least_rows and self._sum - self._least > self.threshold
        if found:
            self._begin()
        return found

    def _begin(self) -> None:
        self.rows = 0
        self._mean = self._sum = self._least = 0.0
