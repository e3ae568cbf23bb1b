"""What goes wrong: one file for the kinds' names, one for each group of kinds, one that draws and ends them."""
