"""Each PSE's own file, written row by row of movements as they come: the sheet of a day adds up what closes it."""
