# The fork of this cell is switched off in the notebook, so there is nothing to run and nothing to see.
