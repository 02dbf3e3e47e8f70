"""Installs bert_tf. `pip install -e .` from a clone; the extras are listed in docs/install.md."""

import pathlib

import setuptools
from setuptools.command import build_py

# The commands and recipes lie in scripts/ and configs/ and are packages of the wheel.
_MAPPED = {
    "bert_tf.commands": "scripts",
    "bert_tf.configs": "configs",
    "bert_tf.configs.distill": "configs/distill",
    "bert_tf.configs.finetune": "configs/finetune",
    "bert_tf.configs.pretrain": "configs/pretrain",
}
_OF_A_CLONE = [("bert_tf.commands", "benchmark")]  # needs scripts/benchmarks/


class _WithoutBenchmarks(build_py.build_py):
    """Leaves out what works in a clone alone."""

    def find_package_modules(self, package, package_dir):
        found = super().find_package_modules(package, package_dir)
        return [module for module in found if module[:2] not in _OF_A_CLONE]


# tf-models-official leaves most versions open. These bounds keep pip from a search that ends in old
# sources it cannot build: keras-hub 0.32 allows one kagglesdk, which later kaggles do not; tf-keras
# 2.21 wants TensorFlow 2.21. For the same reason absl-py below may be as old as 1.4:
# tensorflow-model-optimization allows no 2.x.
_GARDEN = [
    "tf-models-official==2.20.*",
    "kaggle<=2.2.0",
    "pandas>=2.2",
    "scipy>=1.13",
    "tensorflow-model-optimization>=0.8.1",
    "tf-keras==2.20.*",
]
_EXPORT = ["ai-edge-litert>=2.1", "onnxruntime>=1.20", "tf2onnx>=1.17"]
_SERVING = ["tensorflow-serving-api==2.20.*"]
_VOCAB = ["sentencepiece>=0.2", "tokenizers>=0.21"]  # learn vocabularies of these kinds
_MLFLOW = ["mlflow>=3"]
_WANDB = ["wandb>=0.19"]
# What the tests of the trackers need of MLflow: its client and its SQL store, without its server.
_TRACKERS = ["alembic>=1.13", "mlflow-skinny>=3", "sqlalchemy>=2", *_WANDB]
_CHINESE = ["jieba>=0.42.1"]  # finds words, for --word_borders=jieba
_DOCS = ["mkdocs>=1.6,<2", "mkdocs-material>=9.7,<10", "mkdocstrings[python]>=1.0,<2"]

setuptools.setup(
    name="bert-tf",
    version="0.1.0",
    description="Pretrain, fine-tune and serve BERT with TensorFlow and Keras 3",
    long_description=pathlib.Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=[*setuptools.find_packages(include=["bert_tf", "bert_tf.*"]), *_MAPPED],
    package_dir=_MAPPED,
    package_data={
        "bert_tf": ["py.typed"],
        "bert_tf.configs": ["checks/*.yaml"],
        "bert_tf.explanation": ["*.css", "*.jinja", "*.js"],
        "bert_tf.report": ["*.css", "*.jinja", "*.js"],
    },
    cmdclass={"build_py": _WithoutBenchmarks},
    entry_points={"console_scripts": ["bert-tf=bert_tf.__main__:main"]},
    install_requires=[
        "absl-py>=1.4",
        "huggingface_hub>=1.0",
        "jinja2>=3.1",
        "keras==3.15.*",
        "keras-nlp==0.32.*",
        "markupsafe",
        "matplotlib>=3.9",
        "ml_collections==1.1.*",
        "ml_dtypes",
        "numpy",
        "pyarrow>=17",
        "pyyaml>=6",  # ml_collections brings it
        "rich>=13",
        "scikit-learn>=1.5",
        "scipy>=1.13",
        "sentencex>=1.0",
        "seqeval>=1.2.2",
        "setuptools<81",  # tensorboard imports pkg_resources, which later ones do not have
        "tensorboard>=2.20",
        "tensorflow==2.20.*",
        "tensorflow-text==2.20.*",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]==2.20.*"],
        "tpu": ["tensorflow-tpu==2.20.*"],
        "garden": _GARDEN,
        "export": _EXPORT,
        "serving": _SERVING,
        "beam": ["apache-beam"],
        "chinese": _CHINESE,
        "docs": _DOCS,
        "mlflow": _MLFLOW,
        "tfds": ["tensorflow-datasets"],
        "wandb": _WANDB,
        "vocab": _VOCAB,
        "test": _GARDEN
        + _EXPORT
        + _SERVING
        + _DOCS
        + _VOCAB
        + _CHINESE
        + _TRACKERS
        + [
            "hypothesis>=6",
            "pytest>=8",
            "pytest-xdist>=3.8",
            "ruff==0.17.*",
            "safetensors>=0.5",
            "selenium>=4.25,<5",  # looks at pages in Chromium
        ],
    },
)
