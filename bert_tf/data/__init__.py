"""From text to batches: text, corpus, examples, records, masks, batches."""
