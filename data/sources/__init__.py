"""Where source code comes from: folders, git checkouts, tarballs, tables, the hub; each a stream of documents."""
