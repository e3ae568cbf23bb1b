"""What ships with Skerry to be run by it: example manifests (one folder each) and their programs (`programs`)."""
