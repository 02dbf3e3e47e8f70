"""Transformers on torch for `benchmark.py serve`; needs an interpreter that has torch."""

from bert_tf.measuring import answering


def make_round(settings):
    import torch
    import transformers

    torch.set_num_threads(settings["num_threads"])

    def load():
        kind = (
            transformers.AutoModelForSequenceClassification
            if settings["labels"]
            else transformers.AutoModel
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(settings["model"])
        model = kind.from_pretrained(settings["model"]).eval()
        names = getattr(model.config, "id2label", {})

        def answer(columns):
            batch = tokenizer(
                *columns,
                padding=True,
                truncation=True,
                max_length=settings["max_seq_length"],
                return_tensors="pt",
            )
            with torch.inference_mode():
                outputs = model(**batch)
            if not settings["labels"]:
                outputs.last_hidden_state.numpy()
                return [None] * len(columns[0])
            return [names[i] for i in outputs.logits.argmax(-1).tolist()]

        return answer

    return answering.make_round(settings, load)
