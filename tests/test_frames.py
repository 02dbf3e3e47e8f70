"""From main() of scripts/pretrain.py to the attention product there are at most 8 own frames.

The frames are counted where the product is computed, in a process of its own, because the script
defines flags.
"""

import json
import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

ROOT = pathlib.Path(__file__).parents[1]
MOST_FRAMES = 8

# Replaces the product by one that prints who called it and ends the process. AutoGraph rewrites
# functions into temporary files: a rewritten `f` is there as `tf__f`, beside helpers of its own
# (`loop_body`), which are no frames of ours.
_RUN = textwrap.dedent(
    """
    import json, os, runpy, sys
    root = sys.argv.pop(1)
    from bert_tf.layers import attention

    def is_own(code):
        if code.co_filename.startswith((root + "/bert_tf/", root + "/scripts/")):
            return code.co_name != "<module>" and not code.co_filename.endswith("/app.py")
        return "__autograph_generated_file" in code.co_filename and code.co_name.startswith("tf__")

    class Ops:
        def __getattr__(self, name):
            return getattr(real, name)

        def matmul(self, a, b):
            names, frame = [], sys._getframe(1)
            while frame:
                if is_own(frame.f_code):
                    names.append(frame.f_code.co_qualname.rsplit("tf__")[-1])
                frame = frame.f_back
            print("FRAMES", json.dumps(names[::-1]), flush=True)
            os._exit(0)

    real, attention.ops = attention.ops, Ops()
    sys.argv = ["scripts/pretrain.py", *sys.argv[1:]]
    sys.path.insert(0, root + "/scripts")
    runpy.run_path(root + "/scripts/pretrain.py", run_name="__main__")
    """
)

_CONFIG = textwrap.dedent(
    """
    from tests.conformance.goldens import experiment_config


    def get_config():
        config = experiment_config()
        config.train.global_batch_size = 2
        config.train.num_train_steps = 1
        return config
    """
)


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """The own frames of a tiny run, from main() inwards."""
    # Imported here: the data are made by the library, the run is another process.
    from bert_tf.data.building import builder
    from bert_tf.data.building.settings import DataSettings
    from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
    from bert_tf.tokenization.wordpiece import WordPieceTokenizer

    folder = tmp_path_factory.mktemp("frames")
    (folder / "text.txt").write_text("a b c\nb c a\n\nc a b\na a b\n\nb b b\nc c a\n" * 3)
    (folder / "config.py").write_text(_CONFIG)
    tokenizer = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a", "b", "c"]))
    settings = DataSettings(max_seq_length=16)
    records = str(folder / "records")
    builder.create_pretraining_data([str(folder / "text.txt")], tokenizer, records, settings)
    flags = (
        f"--config={folder}/config.py",
        f"--train_data={folder}/records",
        f"--work_dir={folder}/work",
    )
    process = subprocess.run(
        [sys.executable, "-c", _RUN, str(ROOT), *flags],
        env={"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'scripts'}", "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
    )
    found = [line for line in process.stdout.splitlines() if line.startswith("FRAMES ")]
    assert found, process.stderr[-3000:]
    return json.loads(found[0].removeprefix("FRAMES "))


def test_eight_own_frames_from_main_to_the_attention_product(frames):
    assert frames[0] == "main"
    assert frames[-1] == "SelfAttention.call"
    assert len(frames) <= MOST_FRAMES, " -> ".join(frames)
