"""schemathesis makes requests of the OpenAPI document, good ones and bad ones, and judges what the API answers."""
