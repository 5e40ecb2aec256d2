"""The reference generators, put together from diffusers, transformers and peft for making golden data."""
