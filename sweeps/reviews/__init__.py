"""What clinicians say of predictions: taken down, and trained on."""
