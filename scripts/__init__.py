"""The commands. A wheel holds them as `bert_tf.commands`; `bert-tf NAME` runs one."""
