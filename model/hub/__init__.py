"""Networks that their publishers offer on the Hugging Face hub: which, how they are fetched, where they lie."""
