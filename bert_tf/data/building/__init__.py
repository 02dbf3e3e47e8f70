"""The builder of data sets: from text files to shards, in parallel, resumable."""
