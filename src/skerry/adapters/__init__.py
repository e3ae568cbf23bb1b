"""The outside itself: one folder for each way to fill a port."""
