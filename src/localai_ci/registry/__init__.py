"""Everything that talks to an OCI registry, and nothing else does. Imports no dagger.

Pure parts decide (`index`, `tags`, `plan`), thin ones act (`blobs`, `manifests`, `merge`).
All requests go through one `Transport`, which alone waits, retries and signs in.
"""
