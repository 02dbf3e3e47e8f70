"""The Keras layers of which encoders and heads are made."""
