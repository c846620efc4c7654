"""A database filled with a made-up year, for whoever wants to see how the product behaves when it has grown."""
