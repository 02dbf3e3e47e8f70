"""Why a model answers as it does: the parts of words in an answer, attention, probes.

`bert_tf.explain` and scripts/explain.py are the way in, by `bert_tf.workflows.explaining`.
"""

# {method: what its numbers are}.
METHODS = {
    "integrated_gradients": "gradients along the way from no word to all words, summed up",
    "gradient_x_input": "the slope at the text times the word vector: one pass, a hint at most",
    "occlusion": "what the belief loses when this word alone is taken away",
    "shapley": "what the word adds on average, whatever other words are there",
    "rollout": "how much attention reaches the word; it knows neither the answer nor signs",
}
BASELINES = ("mask", "pad", "zero")  # what stands where a word is taken away
