r"""Starts N workers on this machine, and starts them all again when one of them is lost.

    python scripts/launch.py --num_workers=2 -- python scripts/pretrain.py \
        --config=configs/pretrain/mini.py --train_data=data/train --work_dir=work/mini

Every worker gets TF_CONFIG, with the others on the loopback interface. When one is killed, or ends
with exit code 75 ("start all again"), the rest is ended too and all are started again: the job goes
on from its last checkpoint. With --num_workers=1 it watches over a single process in the same way.
Any other exit code is an error, which starting again would not mend: it becomes the exit code here.
SIGTERM and Ctrl-C go to the workers, which save and end. If this process is killed, they are too
(on Linux): whoever starts it again finds nobody in the work directory. Output is that of the
workers, with the number of the worker in front of each line.

Several machines: a scheduler takes this part. It sets TF_CONFIG on each, and restarts all of them
when one ends with 75 or is killed.
"""

import sys

from absl import flags

from bert_tf import app
from bert_tf.processes.supervisor import Supervisor

FLAGS = flags.FLAGS
flags.DEFINE_integer("num_workers", 2, "How many processes.", lower_bound=1)
flags.DEFINE_integer("max_restarts", 10, "How often all are started again at most.", lower_bound=0)
flags.DEFINE_float(
    "backoff_seconds",
    5.0,
    "Wait so long before the first restart, and twice as long before each one that follows another "
    "within ten minutes, at most 5 minutes.",
    lower_bound=0.0,
)


def main(argv):
    del argv
    if not _COMMAND:
        raise ValueError("expected a command behind --, for example: -- python scripts/pretrain.py")
    supervisor = Supervisor(
        _COMMAND,
        FLAGS.num_workers,
        max_restarts=FLAGS.max_restarts,
        backoff_seconds=FLAGS.backoff_seconds,
    )
    return supervisor.run()


if __name__ == "__main__":
    _OWN, _COMMAND = sys.argv, []
    if "--" in sys.argv:
        place = sys.argv.index("--")
        _OWN, _COMMAND = sys.argv[:place], sys.argv[place + 1 :]
    sys.argv = _OWN
    app.run(main, needs_keras=False)
