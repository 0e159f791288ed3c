"""The arbiter: the only place that decides about gates. One transaction each."""
