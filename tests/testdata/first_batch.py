"""The first training batch of a data set, read for a model.

It is all that the goldens need of the library's inside, of commit c580d07 and of today. When the
API moves, this is the one file to follow it.

    python tests/testdata/first_batch.py MODEL DATA
"""

import json
import sys


def first_batch(model: str, data: str, num_rows: int = 3) -> dict[str, list]:
    """{name: rows} of the first batch of epoch 0, masks included."""
    from bert_tf import model_folder

    try:
        from bert_tf.data.batches.order import BatchSlice
        from bert_tf.data.records.mixing import Mixture

        rows = Mixture.open(data)
    except ModuleNotFoundError:  # commit c580d07
        from bert_tf.data.order import BatchSlice

        rows = data
    task, _ = model_folder.load(model)
    batch = next(iter(task.make_dataset(rows, BatchSlice(num_rows), training=True)))
    return {name: rows.numpy().tolist() for name, rows in sorted(batch.items())}


if __name__ == "__main__":
    print(json.dumps(first_batch(*sys.argv[1:])))
    sys.exit()
