"""Cronny's domain: nouns, verbs, and the pure rules between them.

Entry points (``functions``, ``chalicelib``) call verbs; verbs use ``store``, ``queue`` and ``runners``; all of them use
nouns and pure modules. Nothing here imports an entry point, and importing anything here does nothing.
"""

VERSION = "0.1.0"
