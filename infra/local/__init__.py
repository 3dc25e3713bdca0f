"""The local cloud: `python -m infra.local up` runs template.yaml on this machine, without Docker or an account."""
