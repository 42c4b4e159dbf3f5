"""Pictures of a sweep as SVG text, one file a plot."""
