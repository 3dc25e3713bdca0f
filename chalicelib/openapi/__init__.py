"""The OpenAPI document, made of the table of routes and of the fields' declarations. Loaded when it is asked for."""
