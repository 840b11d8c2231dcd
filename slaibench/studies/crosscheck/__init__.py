"""The same cells on several backends: does one stand for the other?"""
