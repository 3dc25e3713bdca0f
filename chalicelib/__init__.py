"""The HTTP API and nothing but HTTP: what goes over the wire, and which verb answers it."""
