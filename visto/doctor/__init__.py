"""What an installation finds around it, as a list of findings with remedies."""
