"""deid-bench: how well does a de-identification method hide who someone is, and what does it cost the image?"""

__version__ = "0.1.0"
