"""The protocol as a small machine whose every state is visited, with all that may fail at every step.

protocol.py     what there is, and every step that somebody may take next
properties.py   what must hold in every state
explore.py      visit all states, breadth first; shortest traces to what is wrong
mutants.py      the protocol with one rule broken: each must be caught
"""
