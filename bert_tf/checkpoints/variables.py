"""Our variable paths and their shapes, as functions of a config: what every format maps to.

The same list that `tests/models/test_variable_paths.py` pins for the models, here without building
one. Shapes are written with letters: V vocabulary, M positions, K segments, D hidden,
F intermediate, N heads, H head size, L labels.

Heads whose tasks have other names at other places:
    classifier/kernel [D, L], classifier/bias [L]
        text, token and multiple-choice classifiers
    cls/squad/output_weights [2, D], cls/squad/output_bias [2]
        start and end of an answer; the names of google-research/bert's run_squad.py
"""

from bert_tf.models.bert import BertConfig

EMBEDDINGS = {
    "bert/embeddings/word_embeddings": "V,D",
    "bert/embeddings/position_embeddings": "M,D",
    "bert/embeddings/token_type_embeddings": "K,D",
    "bert/embeddings/LayerNorm/gamma": "D",
    "bert/embeddings/LayerNorm/beta": "D",
}
BLOCK = {
    "attention/self/query/kernel": "D,D",
    "attention/self/query/bias": "D",
    "attention/self/key/kernel": "D,D",
    "attention/self/key/bias": "D",
    "attention/self/value/kernel": "D,D",
    "attention/self/value/bias": "D",
    "attention/output/dense/kernel": "D,D",
    "attention/output/dense/bias": "D",
    "attention/output/LayerNorm/gamma": "D",
    "attention/output/LayerNorm/beta": "D",
    "intermediate/dense/kernel": "D,F",
    "intermediate/dense/bias": "F",
    "output/dense/kernel": "F,D",
    "output/dense/bias": "D",
    "output/LayerNorm/gamma": "D",
    "output/LayerNorm/beta": "D",
}
POOLER = {"bert/pooler/dense/kernel": "D,D", "bert/pooler/dense/bias": "D"}
MASKED_LM = {
    "cls/predictions/transform/dense/kernel": "D,D",
    "cls/predictions/transform/dense/bias": "D",
    "cls/predictions/transform/LayerNorm/gamma": "D",
    "cls/predictions/transform/LayerNorm/beta": "D",
    "cls/predictions/output_bias": "V",
}
# Only of a masked LM that does not score with the word embeddings.
UNTIED = {"cls/predictions/output_weights": "V,D"}
NEXT_SENTENCE = {
    "cls/seq_relationship/output_weights": "2,D",
    "cls/seq_relationship/output_bias": "2",
}
CLASSIFIER = {"classifier/kernel": "D,L", "classifier/bias": "L"}
# The encoder's own pooler of a BertPretrainerV2, which its next-sentence head does not use.
GARDEN_POOLER = {"garden/pooler_transform/kernel": "D,D", "garden/pooler_transform/bias": "D"}
SPANS = {"cls/squad/output_weights": "2,D", "cls/squad/output_bias": "2"}

# By task: the heads it has.
HEADS = {
    "embedding": {},
    "pretraining": {**MASKED_LM, **NEXT_SENTENCE},
    "classification": CLASSIFIER,
    "token_classification": CLASSIFIER,
    "multiple_choice": CLASSIFIER,
    "question_answering": SPANS,
}


def numbers(config: BertConfig, num_labels: int = 0) -> dict[str, int]:
    """What the letters of a shape stand for."""
    return {
        "V": config.vocab_size,
        "M": config.max_position_embeddings,
        "K": config.type_vocab_size,
        "D": config.hidden_size,
        "F": config.intermediate_size,
        "N": config.num_attention_heads,
        "H": config.hidden_size // config.num_attention_heads,
        "L": num_labels,
    }


def shape_of(letters: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """`"D,F"` as numbers."""
    return tuple(sizes[x] if x in sizes else int(x) for x in letters.split(","))


def encoder_shapes(config: BertConfig) -> dict[str, str]:
    """{path: shape in letters} of the encoder, in the order of the model, pooler last if any."""
    blocks = {
        f"bert/encoder/layer_{i}/{name}": letters
        for i in range(config.num_hidden_layers)
        for name, letters in BLOCK.items()
    }
    return {**EMBEDDINGS, **blocks, **(POOLER if config.use_pooler else {})}


def all_shapes(config: BertConfig) -> dict[str, str]:
    """{path: shape in letters} of everything that a checkpoint of any format may hold."""
    heads = {**MASKED_LM, **UNTIED, **NEXT_SENTENCE, **CLASSIFIER, **SPANS, **GARDEN_POOLER}
    return {**encoder_shapes(config), **POOLER, **heads}
