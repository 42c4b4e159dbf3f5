"""`validate`: a model on labelled scans that it has not learned from, alone or against another model."""
