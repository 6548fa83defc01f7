"""Where logs come from: the only folder that speaks to AWS, and files."""
