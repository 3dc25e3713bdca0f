"""Campaign B: everything that may fail, all the time, in an order that a seed decides.

events.py      the list of what happens when: the same for the same seed
director.py    makes it happen
customer.py    a user who makes, pauses, edits, resumes and deletes schedules meanwhile
run.py         from the first schedule to the account
recovery.py    how long it took until things went on
"""
