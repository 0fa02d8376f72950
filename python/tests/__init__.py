"""Tests of the package, by unittest: python3 -m unittest discover -s python/tests -t python"""
