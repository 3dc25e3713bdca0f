"""What the internet and its users try: addresses that lead inside, and targets that do not behave.

urls.py        spellings of addresses that nobody outside may reach
manners.py     what a target may do instead of answering
name_server.py a real name server, which may answer differently each time
"""
