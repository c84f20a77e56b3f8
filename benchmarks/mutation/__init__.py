"""Mutation of lossproof's own source: finds small changes that no test notices."""
