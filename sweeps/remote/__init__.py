"""Taking a sweep to other machines: what travels, what is asked for, and how it ended."""
