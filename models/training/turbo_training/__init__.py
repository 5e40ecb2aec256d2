"""How every embedded model of vid2vid-turbo is made: prepare, train, evaluate, export."""

__version__ = "0.1.0"
