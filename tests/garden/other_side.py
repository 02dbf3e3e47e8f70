"""The half of test_checkpoints.py that has Keras 3 in it: a process of its own.

    python -m tests.garden.other_side FOLDER ...

Each folder holds a checkpoint of Model Garden and inputs.npz; it gets outputs.npz, and back/ with
the checkpoint as bert_tf writes it.
"""

import os
import sys

import numpy as np

from bert_tf import model_folder
from bert_tf.checkpoints import checkpoint as foreign
from bert_tf.checkpoints.parity import outputs_of


def main() -> None:
    for folder in sys.argv[1:]:
        checkpoint = model_folder.read_checkpoint(folder)
        inputs = np.load(os.path.join(folder, "inputs.npz"))
        _, model = model_folder.build(checkpoint)
        np.savez(os.path.join(folder, "outputs.npz"), **outputs_of(checkpoint, model, inputs))
        is_electra = checkpoint.config.model_type == "electra"  # it has no pooler to write
        back = os.path.join(folder, "back")
        foreign.write(checkpoint, back, "garden", allow_lossy=is_electra)


if __name__ == "__main__":
    main()
