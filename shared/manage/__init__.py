"""What people do to their own things: the verbs behind the HTTP API. Each is one transaction, bound to one user."""
