"""The demonstration: the real stack on data of our own, with a scripted reviewer and a check of what came out."""
