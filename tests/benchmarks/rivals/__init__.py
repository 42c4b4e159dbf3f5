"""What a researcher would use in the place of liversweep, written as they would write it, and timed beside it."""
