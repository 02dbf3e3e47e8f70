"""The format of a data set on disk: manifest, shards, records of other projects."""
