"""What happens to an intent, in the order of `pipeline.STAGES`."""
