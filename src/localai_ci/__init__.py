"""LocalAI's container builds as a Dagger module.

Builder bases, backends, publishing by digest and the merge into manifest lists: one set of
functions, called the same way on a laptop (`dagger call …`) and in any CI.
"""
