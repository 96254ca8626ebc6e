"""AMD: the ROCm libraries that ggml links, from the archive that the ROCm image has set up."""

from localai_ci.bases.step import BaseRecipe, Step


def libraries(recipe: BaseRecipe) -> Step:
    """hipBLAS, hipBLASLt and rocBLAS; the log names the GPU architectures that rocBLAS covers."""
    packages = recipe.install("hipblas-dev", "hipblaslt-dev", "rocblas-dev")
    script = f"""\
{packages}\
ldconfig
{{ find /opt/rocm*/lib*/rocblas/library -name 'Kernels*' || true; }} 2>/dev/null |
  {{ grep -oE 'gfx[0-9a-f]+' || true; }} | sort -u | paste -sd ' ' | sed 's/^/rocBLAS covers: /'
"""
    return Step("rocm", script)


def clblast(recipe: BaseRecipe) -> Step:
    """OpenCL BLAS, for build type clblas."""
    return Step("clblas", recipe.install("libclblast-dev"))
