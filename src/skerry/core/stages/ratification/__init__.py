"""What a manager says to what a site decided alone."""
