"""The module's object. Its functions are in functions/; what they do, in the packages beside."""

import logging

from dagger import object_type

from localai_ci.errors import LocalaiCiError
from localai_ci.functions.backends import BackendFunctions
from localai_ci.functions.bases import BaseFunctions
from localai_ci.functions.runs import RunFunctions


def _is_no_user_error(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], LocalaiCiError))


# The SDK logs every exception with its traceback. Ours say all there is to say, once.
logging.getLogger("dagger.mod").addFilter(_is_no_user_error)


@object_type
class LocalaiCi(BaseFunctions, BackendFunctions, RunFunctions):
    """LocalAI's container builds: builder bases, backends, publishing and merging."""
