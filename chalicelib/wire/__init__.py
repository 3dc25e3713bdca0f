"""What goes over the wire: the fields that a client may write, and the objects that it reads."""
