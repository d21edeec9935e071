"""Regular expressions: PCRE2 as people write it for MongoDB, run by RE2."""
