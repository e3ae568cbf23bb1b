"""From the plan and the mode in force to processes that run."""
