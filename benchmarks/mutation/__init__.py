"""Mutation of lossproof's own source: is there a test that notices each small change?"""
