"""The pages: one file a page, each with its own address. `frame` is what every page is given, `blocks` what they share."""
