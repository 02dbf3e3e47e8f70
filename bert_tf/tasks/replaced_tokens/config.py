"""The settings of replaced tokens."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from bert_tf.config import ranges
from bert_tf.config.masks import MaskSettings


@dataclasses.dataclass
class Config(MaskSettings):
    """ELECTRA's pretraining: a small generator fills masks, the encoder finds replaced tokens.

    The encoder of the run is the discriminator. The generator is an encoder of the same kind with
    another size. The defaults are as in google-research/electra.

    Attributes:
      generator_hidden_size: width of the generator, as a share of the discriminator's.
      generator_layers: number of its blocks, as a share of the discriminator's. 0: there is no
        generator, as in checkpoints of other projects. Such a model can answer, but cannot be
        trained or scored.
      untied_generator_embeddings: the generator has separate embeddings. By default it shares the
        discriminator's embeddings, whose width must fit the generator.
      generator_weight: weight of the generator's loss.
      discriminator_weight: weight of the discriminator's loss.
    """

    mask_share: float = 0.85
    random_share: float = 0.0
    generator_hidden_size: float = 0.25
    generator_layers: float = 1.0
    untied_generator_embeddings: bool = False
    generator_weight: float = 1.0
    discriminator_weight: float = 50.0

    RECIPE: ClassVar[str] = "pretrain/electra.py"
    SERVED_AS: ClassVar[str] = "find_replaced"
    RANGES: ClassVar[Mapping[str, ranges.Range]] = {
        **MaskSettings.RANGES,
        "generator_hidden_size": ranges.POSITIVE,
        "generator_layers": ranges.NOT_NEGATIVE,
        "generator_weight": ranges.POSITIVE,
        "discriminator_weight": ranges.POSITIVE,
    }

    def task_class(self) -> type:
        """See `Settings.task_class`."""
        from bert_tf.tasks.replaced_tokens.task import ReplacedTokensTask

        return ReplacedTokensTask

    def generator(self, discriminator: Any) -> Any:
        """The EncoderConfig of the generator, from that of the discriminator; None without one."""
        if not self.generator_layers:
            return None
        return discriminator.scaled(self.generator_hidden_size, self.generator_layers)

    def check(self, config: Any) -> None:
        """See `Settings.check`."""
        super().check(config)
        generator = self.generator(config.model)
        if generator is None or self.untied_generator_embeddings:
            return
        widths = [made.embedding_width for made in (config.model, generator)]
        if widths[0] != widths[1]:
            raise ValueError(
                f"task.generator_hidden_size is {self.generator_hidden_size}: the generator needs "
                f"embeddings of width {widths[1]}, but the shared embeddings of "
                f"{config.model.model_type!r} have width {widths[0]}. Set "
                "task.untied_generator_embeddings to true or task.generator_hidden_size to 1, or "
                "use an encoder with an embedding_size, such as 'electra'."
            )

    def forward_flops(self, model: Any, sequence_length: float) -> float:
        """See `Settings.forward_flops`: both encoders; the generator alone predicts words."""
        generator = self.generator(model)
        flops = model.forward_flops(sequence_length)
        if generator is not None:
            flops += generator.forward_flops(sequence_length, self.max_predictions_per_seq)
        return flops

    def activation_values(self, model: Any, sequence_length: int, recompute: bool) -> float:
        """See `Settings.activation_values`."""
        encoders = [made for made in (model, self.generator(model)) if made is not None]
        return sum(made.activation_values(sequence_length, recompute) for made in encoders)
