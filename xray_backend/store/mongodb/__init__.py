"""MongoStore: the store in MongoDB, for many machines."""
