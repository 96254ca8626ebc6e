"""A release of images: receipts of pushed legs, and their merge into one index an image.

Pure parts decide (`index`, `tags`, `merge_plan`), thin ones act (`merge`, `rollback`, `gc`).
"""
