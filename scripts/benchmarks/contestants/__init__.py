"""One file a contestant: ours and those of other projects."""
