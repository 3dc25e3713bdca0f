"""One module for each resource: its routes, each of them a few lines between the wire and a verb."""
