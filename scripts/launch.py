r"""Starts N workers on this machine. When one is lost, it starts all of them again.

    python scripts/launch.py --num_workers=2 -- python scripts/pretrain.py \
        --config=configs/pretrain/mini.py --train_data=data/train --work_dir=work/mini

Every worker gets TF_CONFIG with the addresses of all workers, on the loopback interface. When a
worker is killed, or ends with exit code 75 ("start all again"), the others are ended too and all
are started again. The job continues from its last checkpoint. --num_workers=1 supervises a single
process in the same way. Any other exit code is an error that a restart would not fix: it becomes
the exit code of this script. SIGTERM and Ctrl-C are sent to the workers, which save and end. If
this process is killed, the workers are killed too (on Linux), so a new start finds no old worker in
the work directory. The output of each worker is printed with its number in front of each line.

On several machines a scheduler does this. It sets TF_CONFIG on each machine, and restarts all
workers when one ends with 75 or is killed.
"""

import sys

from absl import flags

from bert_tf import app
from bert_tf.processes.supervisor import Supervisor

FLAGS = flags.FLAGS
flags.DEFINE_integer("num_workers", 2, "Number of processes.", lower_bound=1)
flags.DEFINE_integer(
    "max_restarts", 10, "How often all workers are started again at most.", lower_bound=0
)
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
