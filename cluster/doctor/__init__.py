"""Whether the machines of a Ray are fit for a sweep."""
