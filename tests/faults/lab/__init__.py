"""A laboratory for faults: the real handlers in processes that may be killed at any time, around a real PostgreSQL.

What AWS does around a function is done by a supervisor in the process of the test: it starts and restarts workers,
hands messages to executors, calls creators and cleaners now and then, and kills who overruns. It can do all of that
badly, too, because AWS may. It is a fault injector and no imitation of AWS: the local cloud of ``infra/local`` is.

    target.py       whom the jobs call: counts by Idempotency-Key
    broker.py       carries messages; doubles, delays, reorders, loses them; goes away
    worker.py       what runs in a worker's process
    sandbox.py      one such process after the other, seen from outside
    functions.py    who is called when: executors by messages, creators and cleaners by a rule
    server.py       the PostgreSQL server, and how it is restarted and killed
    bench.py        all of it together, with a database of its own
"""
