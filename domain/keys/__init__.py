"""The keys that seal secrets and personal data, over all that is sealed.

places      what is sealed, where, and for which place
trial       whether our key opens it: at the start, and in `estorno check`
rotate      new keys, what is sealed under them anew, old keys retired
"""
