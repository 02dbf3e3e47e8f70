"""Bad input ends in one clear line, exit code 1, no traceback, and nothing half written.

Each case runs a script with its real flags and its own `app.run`, most of them in this process: it
takes seconds to start one. Processes are started where they matter: for signals, pipes and what
TensorFlow prints.
"""

import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess

import pytest

from bert_tf.tokenization.vocabulary import Vocabulary
from tests.scripts.conftest import ROOT, command_of, run_here


def call(name, **values):
    """(exit code, standard error) of a script, run in this process; None: without that flag."""
    process = run_here(name, **{flag: value for flag, value in values.items() if value is not None})
    return process.returncode, process.stderr


def files_below(*folders):
    return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def bad(work, finetuned, tmp_path_factory):
    """A folder with one bad thing of every kind."""
    folder = tmp_path_factory.mktemp("bad")
    tokens = (work / "vocab" / "vocab.txt").read_text().splitlines()
    write = {
        "a_file": b"x",
        "empty.txt": b"",
        "latin1.txt": b"One.\nTwo.\ncaf\xe9\n",
        "no_mask.txt": "\n".join(t for t in tokens if t != "[MASK]").encode(),
        "large.txt": "\n".join([*tokens, *(f"more{i}" for i in range(100))]).encode(),
        "long.txt": b"The hen sees the cat.\n" * 5000,
        "empty.tsv": b"",
        "header.tsv": b"sentence\tlabel\n",
        "latin1.tsv": b"sentence\tlabel\ncaf\xe9\tbird\n",
        "ragged.tsv": b"sentence\tlabel\nThe hen.\tbird\nThe\tdog.\tother\n",
        "new_label.tsv": b"sentence\tlabel\nThe hen.\tbird\nThe dog.\tfish\n",
        "no_label.tsv": b"sentence\nThe hen.\n",
        "one_label.tsv": b"sentence\tlabel\nThe hen.\tbird\nThe cow.\tbird\n",
        "pairs.tsv": b"sentence1\tsentence2\tlabel\nThe hen.\tA cow.\tbird\n",
        "misspelt.py": (work / "pretraining.py").read_bytes().replace(b"hidden_s", b"hiden_s"),
        "syntax.py": b"def get_config(:\n",
        "without.py": b"x = 1\n",
        "none.py": b"def get_config():\n    pass\n",
        "import.py": b"\nimport no_such_module\n",
    }
    for name, content in write.items():
        (folder / name).write_bytes(content)
    (folder / "a_folder").mkdir()
    (folder / "own_dev").mkdir()
    (folder / "own_dev" / "dev.jsonl").write_text('{"sentence": "The hen.", "label": "bird"}\n')
    for name, change in DATA.items():
        change(pathlib.Path(shutil.copytree(work / "train", folder / name)))
    for name, change in MODELS.items():
        change(pathlib.Path(shutil.copytree(finetuned / "model", folder / name)))
    return folder


def edit(file, **changes):
    def change(folder):
        values = json.loads((folder / file).read_text())
        for key, value in changes.items():
            if isinstance(value, dict):
                values[key].update(value)
            else:
                values[key] = value
        (folder / file).write_text(json.dumps(values))

    return change


def cut(pattern, size):
    def change(folder):
        (path,) = folder.glob(pattern)
        path.write_bytes(path.read_bytes()[:size])

    return change


def forget_tokens(folder):
    """Data whose ids go beyond the vocabulary that it names."""
    path = folder / "vocab.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:100]) + "\n")
    edit("manifest.json", vocabulary_sha256=Vocabulary.from_file(str(path)).sha256)(folder)


DATA = {
    "other_vocabulary": edit("manifest.json", vocabulary_sha256="0" * 64),
    "other_objective": edit("manifest.json", objective="none"),
    "newer_data": edit("manifest.json", format_version=9),
    "odd_version": edit("manifest.json", format_version="one"),
    "truncated_records": cut("*.tfrecord", -30),
    "id_outside": forget_tokens,
    "no_shard": lambda folder: next(folder.glob("*.tfrecord")).unlink(),
}
MODELS = {
    "truncated_model": cut("model.safetensors", 5000),
    "newer_model": edit("task.json", format_version=9),
    "oddly_versioned_model": edit("task.json", format_version="two"),
    "misspelt_model": edit("task.json", task={"text_pair": True}),
    "mistyped_model": edit("task.json", data={"max_seq_length": "long"}),
    "unknown_model": edit("task.json", model_module="no_such_model"),
    "three_labels": edit("task.json", facts={"labels": ["a", "b", "c"]}),
    "pair_model": edit("task.json", facts={"text_pairs": True}),
    "resized_model": edit("bert_config.json", hidden_size=48),
    "without_weights": lambda folder: (folder / "model.safetensors").unlink(),
    "without_vocabulary": lambda folder: (folder / "vocab.txt").unlink(),
    "without_task": lambda folder: (folder / "task.json").unlink(),
}

# What each script is called with when nothing is wrong; {w} is the good folder, {b} the bad one.
GOOD = {
    "train_vocab": {"input": "{w}/train.txt", "output_dir": "{b}/out", "vocab_size": 150},
    "create_pretraining_data": {
        "input": "{w}/train.txt",
        "vocab_file": "{w}/vocab",
        "output_dir": "{b}/out",
        "max_seq_length": 32,
    },
    "pretrain": {
        "config": "{w}/pretraining.py",
        "train_data": "{w}/train",
        "eval_data": "{w}/valid",
        "work_dir": "{b}/out",
    },
    "finetune": {
        "config": "{w}/classification.py",
        "train_data": "{w}/train.tsv",
        "eval_data": "{w}/dev.tsv",
        "init_checkpoint": "{w}/pretrained",
        "work_dir": "{b}/out",
    },
    "evaluate": {"model": "{w}/finetuned", "data": "{w}/dev.tsv", "output": "{b}/scores.json"},
    "predict": {"model": "{w}/finetuned", "input": "{w}/valid.txt", "output": "{b}/out.jsonl"},
    "export": {"model": "{w}/finetuned", "output_dir": "{b}/out"},
}

TEXT = [
    ({"input": "{b}/no.txt"}, "no file matches '{b}/no.txt': check the path"),
    ({"input": "{b}/empty.txt"}, "{b}/empty.txt: the file is empty"),
    ({"input": "{b}/latin1.txt"}, "{b}/latin1.txt:3: not UTF-8"),
    ({"input": "{w}/train.txt,{b}/latin1.txt"}, "{b}/latin1.txt:3: not UTF-8"),
    ({"input": "{b}/a_folder"}, "'{b}/a_folder' is a folder, not a file"),
    ({"input": None}, "--input is missing; --help shows"),
    ({"input_format": "tsv"}, "--input_format=tsv: value should be one of <auto|lines|"),
    ({"output_dir": "{b}/a_file"}, "{b}/a_file is"),
    ({"output_dir": "{b}/a_file/x"}, "{b}/a_file is not a directory"),
]
CONFIG = [
    ({"config": None}, "--config is missing"),
    ({"config": "{b}/no.py"}, "--config={b}/no.py: no such file"),
    ({"config": "{b}/a_folder"}, "--config={b}/a_folder: no such file"),
    ({"config": "{b}/misspelt.py"}, "misspelt.py, line 8: TypeError: .* argument 'hiden_size'"),
    ({"config": "{b}/syntax.py"}, "syntax.py, line 1: SyntaxError"),
    ({"config": "{b}/import.py"}, "import.py, line 2: .*no_such_module"),
    ({"config": "{b}/without.py"}, "without.py: it defines no get_config"),
    ({"config": "{b}/none.py"}, r"none.py: get_config\(\) gave None"),
    ({"config.model.hiden_size": 3}, "config.model has no key 'hiden_size'. Known: .*hidden_size"),
    ({"config.train.global_batch_size": "many"}, "global_batch_size=many: invalid literal"),
    ({"config.train.eval_every": -1}, "train.eval_every is -1; expected at least 0"),
    # Sizes that cannot be: one line, before anything is compiled.
    ({"config.train.global_batch_size": 10**9}, "a step would run out of memory: it needs about"),
    ({"config.train.eval_batch_size": 10**9}, "an evaluation with 1,000,000,000 rows a step would"),
    ({"config.train.global_batch_size": 10**20}, "expected at least 1 and less than 2\\*\\*31"),
    ({"config.train.steps_per_loop": 10**20}, "expected at least 1 and less than 2\\*\\*31"),
    (
        {"config.train.num_train_steps": 0, "config.train.num_train_epochs": 0},
        "num_train_epochs is 0.* and train.num_train_steps is 0: nothing would be trained",
    ),
    (
        {"config.train.num_train_steps": 0, "config.train.num_train_epochs": "inf"},
        "num_train_epochs is inf; expected at least 0 and less than",
    ),
    ({"config.train.seed": -1}, "train.seed is -1; expected at least 0"),
    ({"config.train.dtype": "float16"}, "train.dtype is 'float16'; expected one of float32"),
    ({"config.data.max_seq_length": 64}, "max_seq_length is 64, but the model takes at most 32"),
    (
        {"config.train.global_batch_size": 15, "config.train.num_micro_batches": 2},
        r"global_batch_size \(15\) is not divisible by 1 replica\(s\) x 2 micro-batch",
    ),
    (
        {"config.train.global_batch_size": 15, "strategy": "mirrored"},
        r"global_batch_size \(15\) is not divisible by 4 replica",
    ),
    ({"strategy": "mirored"}, "--strategy=mirored: value should be one of <auto|one_device|"),
    ({"init_checkpoint": "{b}/no"}, "{b}/no: expected a model folder .*or a work directory"),
    ({"init_checkpoint": "{b}/a_file"}, "{b}/a_file: expected a model folder"),
    ({"init_checkpoint": "{b}/without_weights"}, "without_weights: expected a model folder"),
    ({"init_checkpoint": "{b}/truncated_model"}, "model.safetensors: not a whole safetensors file"),
    ({"init_checkpoint": "{b}/newer_model"}, "task.json has format_version 9.*Install a newer"),
    (
        {"init_checkpoint": "{b}/unknown_model"},
        "model_module: models has no 'no_such_model'. Known",
    ),
    ({"work_dir": "{b}/a_file"}, "{b}/a_file is a file; expected a folder"),
    ({"work_dr": "x"}, "Unknown command line flag 'work_dr'. Did you mean: work_dir"),
]
MODEL = [
    ({"model": None}, "--model is missing"),
    ({"model": "{b}/no"}, "{b}/no: expected a model folder"),
    ({"model": "{w}/train"}, "{w}/train: expected a model folder"),
    ({"model": "{b}/truncated_model"}, "model.safetensors: not a whole safetensors file"),
    ({"model": "{b}/newer_model"}, "task.json has format_version 9.*Install a newer"),
]
CASES = {
    "train_vocab": [
        *TEXT,
        ({"vocab_size": 6}, "vocab_size is 6, but the special tokens and the alphabet alone"),
        ({"vocab_size": "abc"}, "--vocab_size=abc: invalid literal for int"),
    ],
    "create_pretraining_data": [
        *TEXT,
        ({"vocab_file": "{b}/no_mask.txt"}, r"no_mask.txt: .*; missing: \[MASK\]"),
        (
            {"vocab_file": "{b}/a_folder"},
            "{b}/a_folder: expected the files of a tokenizer .vocab.txt; .* Found: nothing",
        ),
        ({"vocab_file": "{b}/latin1.txt"}, "latin1.txt, line 3: not UTF-8"),
        ({"output_dir": "{w}"}, "{w} holds other files .*; choose a new folder"),
        ({"output_dir": "{w}/train", "max_seq_length": 16}, "already holds another data set"),
        ({"max_seq_length": 3}, "max_seq_length is 3; it must be at least 5"),
        ({"masked_lm_prob": 0.1}, "--masked_lm_prob needs --static_masks"),
        ({"static_masks": True, "max_ngram": 3}, "max_ngram is 3, but do_whole_word_mask is false"),
        ({"deduplicate_unit": "sentence"}, "--deduplicate_unit needs --deduplicate"),
        ({"exclude_file": "{b}/no.txt"}, "no file matches"),
    ],
    "pretrain": [
        (
            {"config.task.max_predictions_per_seq": 10**9},
            "max_predictions_per_seq is 1000000000; expected at least 1 and at most 65536",
        ),
        *CONFIG,
        ({"config.quantization.bits": 8}, "pretrain.py does not train for int8"),
        ({"config": "{w}/classification.py"}, "task of --config is 'classification'.*finetune.py"),
        (
            {"config.model.vocab_size": 100},
            "has 150 tokens, but the embedding table has only 100 rows",
        ),
        ({"config.task.max_ngram": 2}, "max_ngram is 2, but task.do_whole_word_mask is false"),
        ({"config.data.max_seq_length": 16}, "{w}/train: made with max_seq_length = 32.* has 16"),
        ({"train_data": "{b}/no"}, "{b}/no has no manifest.json.*create_pretraining_data"),
        ({"train_data": "{w}/train.txt"}, "train.txt has no manifest.json.*--vocab_file"),
        ({"train_data": "{w}/train:1,{w}/valid"}, "{w}/valid has no weight"),
        (
            {"train_data": "{b}/other_objective"},
            "made with objective = none, which teaches no head",
        ),
        ({"train_data": "{b}/newer_data"}, "manifest.json has format_version 9; .*newer"),
        ({"train_data": "{b}/odd_version"}, "manifest.json is not a manifest of bert_tf"),
        (
            {"train_data": "{b}/truncated_records", "eval_data": None},
            "shard-00000-of-00001.tfrecord, record 1..: truncated or damaged; copy the file",
        ),
        (
            {"train_data": "{b}/id_outside", "eval_data": None},
            r"tfrecord, record 0: token id \d+ is outside the vocabulary of 100 tokens",
        ),
        ({"eval_data": "{b}/no"}, "{b}/no has no manifest.json"),
        ({"eval_data": "{b}/other_vocabulary"}, "{b}/other_vocabulary: made with vocabulary_sha2"),
        ({"work_dir": "{w}/pretrained", "config.model.num_hidden_layers": 2}, "was 1, now 2"),
        ({"work_dir": "{w}/pretrained", "train_data": "{w}/valid"}, "trained with other data"),
        ({"work_dir": "{w}/finetuned"}, "{w}/finetuned holds a different run: .*--work_dir"),
    ],
    "finetune": [
        *CONFIG[1:],  # it has a default
        ({"train_data": None}, "--train_data is missing; --help shows"),
        ({"task": "mrpc"}, "--task=mrpc needs --data_dir"),
        ({"task": "ranking"}, "--task=ranking is none of GLUE .*: tasks has no 'ranking'. Known"),
        ({"task": "token_classification"}, "--config=.* says the task already. Leave out --task"),
        ({"config.model.hidden_size": 64}, "has 32. A model that starts from a checkpoint has its"),
        ({"config.model.hidden_dropout_prob": "no"}, "expected a value of type float"),
        ({"config.data.doc_stride": 3}, "data.doc_stride is now task.doc_stride, but the task"),
        (
            {"config.task.pooling": "max"},
            "config.task has no key 'pooling'. Known: balance",
        ),
        ({"config.task.problem_type": "ranking"}, "problem_type is 'ranking'. Known: single_"),
        ({"config.data.widths": "(16,)"}, "ascending widths, the last of them .*max_seq_len"),
        (
            {"config": "{w}/pretraining.py"},
            "task of --config is 'pretraining', which pretrain",
        ),
        ({"train_data": "{b}/no.tsv"}, "{b}/no.tsv: no such file"),
        ({"train_data": "{b}/empty.tsv"}, "{b}/empty.tsv: the file is empty"),
        ({"train_data": "{b}/header.tsv"}, "{b}/header.tsv: no rows below the header"),
        ({"train_data": "{b}/latin1.tsv"}, "{b}/latin1.tsv:2: not UTF-8"),
        ({"train_data": "{b}/ragged.tsv"}, "ragged.tsv:3: 3 fields, but the header has 2"),
        ({"train_data": "{b}/one_label.tsv"}, "one_label.tsv: .*at least two labels"),
        ({"train_data": "{b}/a_folder"}, "{b}/a_folder: a table's name ends in .tsv"),
        ({"train_data": "{w}/train"}, "{w}/train: a table's name ends in .tsv"),
        ({"config.task.text_column": "txt"}, "train.tsv:1: column 'txt' is unknown"),
        (
            {"eval_data": "{b}/new_label.tsv"},
            "new_label.tsv:3: .*'label': the label 'fish' was not seen",
        ),
        (
            {"eval_data": "{b}/no_label.tsv"},
            "no_label.tsv:1: no column .*Name the column, .*label_column",
        ),
        (
            {"eval_data": "{b}/pairs.tsv"},
            "pairs.tsv:1: found pairs of texts .*trained on single texts",
        ),
        (
            {"eval_data": None, "work_dir": "{b}/own_dev"},
            "{b}/own_dev/dev.jsonl is there already .*Move it",
        ),
        ({"compare": "{b}/nowhere"}, r"--compare=.*nowhere: found no .*judged\.jsonl"),
        ({"slice_columns": "genre"}, "dev.tsv.*genre"),
        ({"vocab_file": "{w}/vocab"}, "pass either --init_checkpoint, or --vocab_file"),
        ({"init_checkpoint": None}, "pass either --init_checkpoint, or --vocab_file"),
        ({"init_checkpoint": None, "vocab_file": "{b}/large.txt"}, "250 tokens, .*only 160 rows"),
        ({"work_dir": "{w}/finetuned", "eval_data": None}, r"other data .*, \d+ rows of it\)"),
        (
            {"work_dir": "{w}/finetuned", "init_checkpoint": "{w}/finetuned"},
            "was trained with other initial weights",
        ),
    ],
    "evaluate": [
        *MODEL,
        ({"data": None}, "pass --data, a file to score, or --checks"),
        ({"report": "{b}/errors.txt"}, r"--report=.*errors\.txt: expected a name that ends in"),
        ({"compare": "{w}/finetuned"}, "--compare, .* need --data, and --report=errors.html"),
        ({"checks": "{b}/nowhere.yaml"}, "nowhere.yaml"),
        ({"checks": "{b}/no_label.tsv"}, r"no_label\.tsv:1: expected `tests:`"),
        (
            {"report": "{b}/errors.html", "slice_columns": "genre"},
            "dev.tsv.*genre",
        ),
        ({"batch_size": 10**9}, "an evaluation with 1,000,000,000 rows a step would run out of"),
        (
            {"data": "{b}/new_label.tsv"},
            "new_label.tsv:3: .*'label': the label 'fish' was not seen",
        ),
        (
            {"data": "{b}/no_label.tsv"},
            r"no_label.tsv:1: no column has a usual name for labels \(label, gold_label,",
        ),
        ({"data": "{b}/pairs.tsv"}, "pairs.tsv:1: found pairs of texts .*trained on single texts"),
        ({"data": "{w}/valid"}, "{w}/valid: a table's name ends in .tsv"),
        (
            {"model": "{w}/pretrained"},
            "dev.tsv, after record 0: .*not a TFRecord file; expected",
        ),
        (
            {"model": "{w}/pretrained", "data": "{b}/other_vocabulary"},
            "{b}/other_vocabulary: made with vocabulary_sha256",
        ),
        (
            {"model": "{w}/pretrained", "data": "{b}/truncated_records"},
            "record 1..: truncated or damaged; copy the file again",
        ),
        ({"batch_size": 0}, "--batch_size=0: 0 is not a positive integer"),
        ({"batch_size": 15, "strategy": "mirrored"}, "15 cannot be divided by 4 replicas"),
        ({"output": "{b}/a_folder"}, "{b}/a_folder is a folder; expected the name of a file"),
        ({"output": "{b}/no/x.json"}, "--output={b}/no/x.json: there is no folder {b}/no"),
        ({"report": "{b}/no/x.html"}, "--report={b}/no/x.html: there is no folder {b}/no"),
        (
            {"data": "{b}/one_label.tsv", "output": "{b}/a_folder/../one_label.tsv"},
            "one_label.tsv is also an input, and would be lost",
        ),
    ],
    "predict": [
        *MODEL,
        ({"input": "{b}/no.txt"}, "{b}/no.txt; No such file"),
        ({"input": "{b}/empty.txt"}, "{b}/empty.txt is empty; expected one text a line"),
        ({"input": "{b}/latin1.txt"}, "{b}/latin1.txt:3: not UTF-8 .*--encoding=cp1252"),
        ({"input": "{b}/a_folder"}, "{b}/a_folder; Is a directory"),
        ({"output": "{b}/a_folder"}, "{b}/a_folder is a folder; expected the name of a file"),
        ({"output": "{b}/no/x.jsonl"}, "--output={b}/no/x.jsonl: there is no folder {b}/no"),
        (
            {"input": "{b}/header.tsv", "output": "{b}/a_folder/../header.tsv"},
            "header.tsv is also an input, and would be lost",
        ),
        (
            {"calibration_data": "{b}/one_label.tsv", "output": "{b}/one_label.tsv"},
            "one_label.tsv is also an input, and would be lost",
        ),
        ({"batch_size": 0}, "--batch_size=0: 0 is not a positive integer"),
        ({"calibration_data": "{b}/no.tsv"}, "{b}/no.tsv: no such file"),
        ({"model": "{w}/pretrained", "temperature": 2}, "are for .*a classifier .*'pretraining'"),
        ({"model": "{b}/pair_model"}, "valid.txt:1: .*two texts with a tab between"),
        ({"model": "{b}/three_labels"}, r"three_labels: .*shape \(32, 2\); .*\(32, 3\)"),
        ({"model": "{b}/resized_model"}, r"resized_model: .*shape \(160, 32\); .*\(160, 48\)"),
        ({"model": "{b}/without_vocabulary"}, "vocab.txt: no such vocabulary file"),
        ({"model": "{b}/without_task"}, "without_task/task.json: no such file"),
        (
            {"model": "{b}/misspelt_model"},
            "task.json: task: unknown keys text_pair. Known: .*text_pair_column",
        ),
        (
            {"model": "{b}/mistyped_model"},
            "task.json: data: max_seq_length is 'long'; expected int",
        ),
        ({"model": "{b}/oddly_versioned_model"}, "task.json has format_version two"),
    ],
    "export": [
        *MODEL,
        ({"output_dir": "{b}/a_folder"}, "{b}/a_folder exists. Choose another name"),
        ({"output_dir": "{b}/a_file"}, "{b}/a_file exists. Choose another name"),
        (
            {"format": "onnx", "precision": "bfloat16"},
            "--format=onnx has no bfloat16; it has: float32, int8",
        ),
        (
            {"format": "litert", "precision": "int8"},
            "--precision=int8 needs --calibration_data, a file of texts, because the model has no",
        ),
    ],
}
ALL = [(name, changes, message) for name in CASES for changes, message in CASES[name]]
IDS = [f"{name}-{'-'.join(f'{k}={v}' for k, v in changes.items())}" for name, changes, _ in ALL]


@pytest.mark.parametrize(("name", "changes", "message"), ALL, ids=IDS)
def test_bad_input_is_one_line_and_leaves_nothing(name, changes, message, work, bad, pretrained):
    def fill(text):
        return _replace(text, {"{w}": str(work), "{b}": str(bad)})

    values = {flag: fill(str(value)) for flag, value in GOOD[name].items()}
    values |= {flag: v if v is None else fill(str(v)) for flag, v in changes.items()}
    before = files_below(work, bad)
    code, error = call(name, **values)
    assert code == 1
    last = error.splitlines()[-1]
    assert last.startswith("error: ")
    assert re.search(fill(message), last), last
    assert "Traceback" not in error and error.count("error: ") == 1
    assert files_below(work, bad) == before


def start(name, stdin=None, **values):
    """The process of a script as a user starts it."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.Popen(
        command_of(name, **values),
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def end(process):
    """(exit code, standard error)."""
    error = process.communicate(timeout=240)[1]
    return process.returncode, error.decode()


def test_a_process_says_one_line_and_nothing_of_missing_gpus(bad, finetuned):
    with open(bad / "latin1.txt", "rb") as stdin:
        processes = [
            start("predict", stdin=stdin, model=finetuned),
            start("ask_saved_model", saved_model=bad / "a_folder", input=bad / "empty.txt"),
        ]
        (code, predict), (other_code, ask) = map(end, processes)
    assert code == other_code == 1
    assert re.fullmatch(r"error: standard input:3: not UTF-8 \(byte 4 of .*\n", predict)
    assert ask.splitlines()[-1].startswith(f"error: SavedModel file does not exist at: {bad}")
    assert "Traceback" not in ask


@contextlib.contextmanager
def largest_file(size):
    """No file may grow beyond `size` bytes: what a full disk looks like."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    ("name", "left"),
    [
        # From these a run goes on; there is no half of a shard or checkpoint.
        (
            "create_pretraining_data",
            {
                "settings.json",
                "tokens",
                "sentences",
                "documents",
                "journal.jsonl",
                "examples",
                "examples.json",
                "shards.jsonl",
                "unknown_words",
            },
        ),
        ("pretrain", {"config.json", "metrics.jsonl", "samples.jsonl", "tensorboard"}),
        ("predict", set()),
        ("export", set()),
    ],
)
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(
    name, left, work, bad, finetuned, tmp_path
):
    places = {"{w}": str(work), "{b}": str(tmp_path)}
    values = {flag: _replace(str(value), places) for flag, value in GOOD[name].items()}
    if name == "predict":
        values["input"] = bad / "long.txt"
    with largest_file(20_000):  # room for the small files that AutoGraph writes
        code, error = call(name, **values)
    assert code == 1, error
    assert error.splitlines()[-1].startswith("error: "), error
    assert "Traceback" not in error
    assert {path.relative_to(tmp_path).parts[1] for path in files_below(tmp_path)} == left


def _replace(text, places):
    for name, path in places.items():
        text = text.replace(name, path)
    return text


def test_whoever_reads_the_answers_may_stop_early(bad, finetuned):
    process = start("predict", model=finetuned, input=bad / "long.txt")
    assert json.loads(process.stdout.readline())["label"] in ("bird", "other")
    process.stdout.close()
    error = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    assert error == ""


def test_only_line_feeds_end_a_line_of_predict(finetuned, tmp_path):
    (tmp_path / "texts.txt").write_bytes("The\u2028hen.\r\nThe\x0ccow.\n\n".encode())
    answers = tmp_path / "answers.jsonl"
    code, _ = call("predict", model=finetuned, input=tmp_path / "texts.txt", output=answers)
    texts = [json.loads(line)["text"] for line in answers.read_text().split("\n")[:-1]]
    assert code == 0 and texts == ["The\u2028hen.", "The\x0ccow.", ""]


def test_a_run_without_a_checkpoint_may_begin_again_with_other_settings(work, tmp_path):
    values = {k: v.replace("{w}", str(work)) for k, v in GOOD["pretrain"].items()}
    values |= {"work_dir": tmp_path, "config.train.num_train_steps": 1, "eval_data": None}
    (tmp_path / "config.json").write_text(json.dumps({"train": {"num_train_steps": 7}}))
    assert call("pretrain", **values)[0] == 0
