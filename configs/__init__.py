"""The recipes. A wheel holds them as `bert_tf.configs`; `--config=finetune/sst2` finds one."""
