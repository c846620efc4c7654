"""Files that people hand in: what they are for, how they come in, and where they lie.

kinds     who may hand in and read what, and what a file is by its content
content   sealed bytes in a folder or in S3-compatible storage
room      how much may come in at once in a process
tickets   one ticket opens the door once; who may read is asked when a file is read
"""
