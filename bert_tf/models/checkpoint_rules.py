"""Rules for layers that several encoders have in the same form in the files of other projects."""

from collections.abc import Callable, Collection, Iterable, Mapping

from bert_tf.models.checkpoint_names import GardenParams, Rule


def same(names: Iterable[str]) -> list[Rule]:
    """Rules for tensors that have the same name in both projects."""
    return [Rule(name, name) for name in names]


def dense(theirs: str, ours: str, heads_axis: int | None = None) -> list[Rule]:
    """Rules for a dense layer of TensorFlow.

    Args:
      theirs, ours: its path in both projects.
      heads_axis: of its kernel, see `Rule`: 1 for queries, keys and values, 0 for the output of an
        attention.
    """
    bias_axis = 0 if heads_axis == 1 else None  # the output of the attention has no heads
    return [
        Rule(f"{theirs}/kernel", f"{ours}/kernel", heads_axis=heads_axis),
        Rule(f"{theirs}/bias", f"{ours}/bias", heads_axis=bias_axis),
    ]


def norm(theirs: str, ours: str) -> list[Rule]:
    """Rules for a LayerNorm of TensorFlow."""
    return [Rule(f"{theirs}/{name}", f"{ours}/{name}") for name in ("gamma", "beta")]


def torch_dense(theirs: str, ours: str) -> list[Rule]:
    """Rules for a Linear of torch, whose weight is the transpose of ours."""
    return [
        Rule(f"{theirs}.weight", f"{ours}/kernel", transposed=True),
        Rule(f"{theirs}.bias", f"{ours}/bias"),
    ]


def torch_norm(theirs: str, ours: str) -> list[Rule]:
    """Rules for a LayerNorm of torch."""
    return [Rule(f"{theirs}.weight", f"{ours}/gamma"), Rule(f"{theirs}.bias", f"{ours}/beta")]


def torch_scores(theirs: str, ours: str) -> list[Rule]:
    """Rules for a Linear of torch whose weight is not transposed in ours, as in Google's scores."""
    return [
        Rule(f"{theirs}.weight", f"{ours}/output_weights"),
        Rule(f"{theirs}.bias", f"{ours}/output_bias"),
    ]


def torch_block(theirs: str, ours: str) -> list[Rule]:
    """Rules for a transformer block with the names of Hugging Face's BERT.

    Args:
      theirs, ours: the path of block `{i}` in both projects.
    """
    layers = {
        **{f"attention.self.{name}": torch_dense for name in ("query", "key", "value")},
        "attention.output.dense": torch_dense,
        "attention.output.LayerNorm": torch_norm,
        "intermediate.dense": torch_dense,
        "output.dense": torch_dense,
        "output.LayerNorm": torch_norm,
    }
    return [
        rule
        for name, rules in layers.items()
        for rule in rules(f"{theirs}.{name}", f"{ours}/{name.replace('.', '/')}")
    ]


def torch_embeddings(theirs: str, ours: str) -> list[Rule]:
    """Rules for embeddings with the names of Hugging Face's BERT."""
    tables = ("word_embeddings", "position_embeddings", "token_type_embeddings")
    return [
        *(Rule(f"{theirs}.{table}.weight", f"{ours}/{table}") for table in tables),
        *torch_norm(f"{theirs}.LayerNorm", f"{ours}/LayerNorm"),
    ]


def garden_block(theirs: str, ours: str) -> list[Rule]:
    """Rules for a TransformerEncoderBlock of Model Garden, from the paths of block `{i}`."""
    attention = f"{theirs}/_attention_layer"
    return [
        *dense(f"{attention}/_query_dense", f"{ours}/attention/self/query", 1),
        *dense(f"{attention}/_key_dense", f"{ours}/attention/self/key", 1),
        *dense(f"{attention}/_value_dense", f"{ours}/attention/self/value", 1),
        *dense(f"{attention}/_output_dense", f"{ours}/attention/output/dense", 0),
        *norm(f"{theirs}/_attention_layer_norm", f"{ours}/attention/output/LayerNorm"),
        *dense(f"{theirs}/_intermediate_dense", f"{ours}/intermediate/dense"),
        *dense(f"{theirs}/_output_dense", f"{ours}/output/dense"),
        *norm(f"{theirs}/_output_layer_norm", f"{ours}/output/LayerNorm"),
    ]


def garden_encoder(embeddings: str, layer: str) -> list[Rule]:
    """Rules for Model Garden's BertEncoderV2 without its pooler.

    Args:
      embeddings: the path of our embeddings.
      layer: the path of our block `{i}`.
    """
    tables = {"_embedding": "word", "_position_embedding": "position"}
    tables["_type_embedding"] = "token_type"
    return [
        *(
            Rule(f"{theirs}_layer/embeddings", f"{embeddings}/{ours}_embeddings")
            for theirs, ours in tables.items()
        ),
        *norm("_embedding_norm_layer", f"{embeddings}/LayerNorm"),
        *garden_block("_transformer_layers/{i}", layer),
    ]


def garden_functional(*, has_projection: bool) -> dict[str, str]:
    """{node of Model Garden's functional BertEncoder, which counts its layers: BertEncoderV2's}.

    Args:
      has_projection: there is a layer between embeddings and blocks.
    """
    nodes = ["_embedding_layer", "_position_embedding_layer", "_type_embedding_layer"]
    nodes += ["_embedding_norm_layer", *(["_embedding_projection"] if has_projection else [])]
    names = {f"layer_with_weights-{number}": node for number, node in enumerate(nodes)}
    names[f"layer_with_weights-{{i+{len(nodes)}}}"] = "_transformer_layers/{i}"
    names[f"layer_with_weights-{{n+{len(nodes)}}}"] = "_pooler_layer"
    return names


def garden_sizes(
    shapes: Mapping[str, tuple[int, ...]],
    source: str,
    *,
    block: str = "_transformer_layers/0",
    types: str = "_type_embedding_layer",
) -> dict[str, int]:
    """The sizes of an encoder of Model Garden, by their published names, without its depth.

    Args:
      shapes: {name in the rules: shape}.
      source: for messages.
      block, types: paths of a block and of the table of segments.

    Raises:
      ValueError: one of the tensors is missing.
    """
    words = shapes.get("_embedding_layer/embeddings", shapes.get("masked_lm/embedding_table"))
    try:
        if words is None:
            raise KeyError("_embedding_layer/embeddings")
        hidden, heads, _ = shapes[f"{block}/_attention_layer/_query_dense/kernel"]
        _, intermediate = shapes[f"{block}/_intermediate_dense/kernel"]
        positions, _ = shapes["_position_embedding_layer/embeddings"]
        num_types, _ = shapes[f"{types}/embeddings"]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{source}: variables of the encoder are missing ({error}).") from error
    return {
        "vocab_size": words[0],
        "embedding_size": words[-1],
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "intermediate_size": intermediate,
        "max_position_embeddings": positions,
        "type_vocab_size": num_types,
    }


def garden_depth(shapes: Collection[str]) -> int:
    """The number of blocks of Model Garden's BertEncoder among names in the rules."""
    query = "/_attention_layer/_query_dense/bias"
    return sum(n.startswith("_transformer_layers/") and n.endswith(query) for n in shapes)


def garden_params(
    *, section: str = "encoder", masked_lm_activation: tuple[str, str]
) -> GardenParams:
    """The `GardenParams` of a BertEncoder or BertEncoderV2."""
    sizes = (
        "vocab_size",
        "hidden_size",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
    )
    return GardenParams(
        section=section,
        types=("bert", "bert_v2"),
        sizes={"num_layers": "num_hidden_layers", **{size: size for size in sizes}},
        others={
            "dropout_rate": "hidden_dropout_prob",
            "attention_dropout_rate": "attention_probs_dropout_prob",
            "initializer_range": "initializer_range",
        },
        only_supported={"norm_first": False},
        activation=("hidden_activation", "hidden_act"),
        masked_lm_activation=masked_lm_activation,
    )


def garden_poolers(theirs: str, ours: str) -> list[Rule]:
    """Rules for the pooler of an encoder of Model Garden, and of the head of BertPretrainerV2.

    BertPretrainerV2 trains only the pooler of its head for pairs, so that is our pooler. If a file
    has both, the encoder's pooler is the spare one.

    Args:
      theirs: path of the encoder's pooler.
      ours: path of our pooler.
    """
    spare = "garden/pooler_transform"
    encoder = [
        Rule(f"{theirs}/{n}", f"{ours}/{n}", spare=f"{spare}/{n}") for n in ("kernel", "bias")
    ]
    head = dense("classification_heads/0/dense", ours)
    return [*encoder, *head, *dense("next_sentence..pooler_dense", ours)]


def garden_pretrainer(words: str) -> list[Rule]:
    """Rules for the heads of Model Garden's BertPretrainerV2; `words`: our word embeddings."""
    head, pairs = "classification_heads/0/out_proj", "cls/seq_relationship"
    return [
        Rule("masked_lm/embedding_table", words),
        *dense("masked_lm/dense", "cls/predictions/transform/dense"),
        *norm("masked_lm/layer_norm", "cls/predictions/transform/LayerNorm"),
        Rule("masked_lm/output_bias.Sbias", "cls/predictions/output_bias"),
        Rule(f"{head}/kernel", f"{pairs}/output_weights", transposed=True),
        Rule(f"{head}/bias", f"{pairs}/output_bias"),
    ]


def keras_block(theirs: str, ours: str) -> list[Rule]:
    """Rules for a TransformerEncoder of keras-hub, from the paths of block `{i}`."""
    attention = f"{theirs}/self_attention_layer"
    return [
        *dense(f"{attention}/query", f"{ours}/attention/self/query", 1),
        *dense(f"{attention}/key", f"{ours}/attention/self/key", 1),
        *dense(f"{attention}/value", f"{ours}/attention/self/value", 1),
        *dense(f"{attention}/attention_output", f"{ours}/attention/output/dense", 0),
        *norm(f"{attention}_norm", f"{ours}/attention/output/LayerNorm"),
        *dense(f"{theirs}/feedforward_intermediate_dense", f"{ours}/intermediate/dense"),
        *dense(f"{theirs}/feedforward_output_dense", f"{ours}/output/dense"),
        *norm(f"{theirs}/feedforward_layer_norm", f"{ours}/output/LayerNorm"),
    ]


# In Hugging Face's classes, the scores of a text classifier are `out_proj`; those of a token
# classifier are not.
OUT_PROJ = {f"classifier.{name}": f"classifier.out_proj.{name}" for name in ("weight", "bias")}

# Google's names of the variables of a block; ours are the same.
BLOCK = (
    *(
        f"attention/{layer}/{name}"
        for layer in ("self/query", "self/key", "self/value", "output/dense")
        for name in ("kernel", "bias")
    ),
    "attention/output/LayerNorm/gamma",
    "attention/output/LayerNorm/beta",
    *(f"{layer}/dense/{n}" for layer in ("intermediate", "output") for n in ("kernel", "bias")),
    "output/LayerNorm/gamma",
    "output/LayerNorm/beta",
)


def keras_embeddings(ours: str) -> list[Rule]:
    """Rules for the embeddings of keras-hub's backbones with segments."""
    kinds = {"token": "word", "position": "position", "segment": "token_type"}
    return [
        *(
            Rule(f"{theirs}_embedding/embeddings", f"{ours}/{kind}_embeddings")
            for theirs, kind in kinds.items()
        ),
        *norm("embeddings_layer_norm", f"{ours}/LayerNorm"),
    ]


def keras_masked_lm_head() -> list[Rule]:
    """Rules for keras-hub's masked-LM head."""
    ours = "cls/predictions"
    return [
        *dense("mlm_head/intermediate_dense", f"{ours}/transform/dense"),
        *norm("mlm_head/intermediate_layer_norm", f"{ours}/transform/LayerNorm"),
        Rule("mlm_head/output_bias", f"{ours}/output_bias"),
    ]


# {keras-hub's name of a setting: BERT's}
KERAS_CONFIG = {
    "vocabulary_size": "vocab_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "hidden_dim": "hidden_size",
    "intermediate_dim": "intermediate_size",
    "dropout": "hidden_dropout_prob",
    "max_sequence_length": "max_position_embeddings",
}


def for_each(
    make: Callable[[str, str], list[Rule]], names: Mapping[str, str], theirs: str, ours: str
) -> list[Rule]:
    """The rules from `make` for each pair in `names`, below the paths `theirs` and `ours`."""
    return [
        rule for name, our_name in names.items() for rule in make(theirs + name, ours + our_name)
    ]
