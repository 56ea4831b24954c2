"""A site on which releases are played with in a browser: a hall, and a room for each by what its model can do."""
