"""Installs bert_tf. `pip install -e .` from a clone; extras are listed in README.md."""

import pathlib

import setuptools

# tf-models-official asks for any kaggle; later ones want a newer kagglesdk than the one version
# that keras-hub 0.32 allows. Without the two bounds pip goes back to sources of scipy that it then
# fails to build.
_GARDEN = ["tf-models-official==2.20.*", "kaggle<=2.2.0", "scipy>=1.13"]

setuptools.setup(
    name="bert-tf",
    version="0.1.0",
    description="Pretrain, fine-tune and serve BERT with TensorFlow and Keras 3",
    long_description=pathlib.Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=setuptools.find_packages(include=["bert_tf", "bert_tf.*"]),
    install_requires=[
        "absl-py>=2.1",
        "keras==3.15.*",
        "keras-nlp==0.32.*",
        "ml_collections==1.1.*",
        "numpy",
        "rich>=13",
        "safetensors>=0.5",
        "sentencex>=1.0",
        "tensorboard>=2.20",
        "tensorflow==2.20.*",
        "tensorflow-text==2.20.*",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]==2.20.*"],
        "tpu": ["tensorflow-tpu==2.20.*"],
        "garden": _GARDEN,
        "export": ["ai-edge-litert", "onnxruntime", "tf2onnx"],
        "beam": ["apache-beam"],
        "tfds": ["tensorflow-datasets"],
        "test": _GARDEN + ["hypothesis>=6", "pytest>=8", "ruff>=0.6"],
    },
)
