// How the engine runs modules written in Python: the counterpart, for a directly started engine,
// of what released engines carry built in.
package main

import (
	"context"
	"path"
	"slices"
	"strings"

	"dagger/python-sdk/internal/dagger"
)

const (
	// The release of Dagger's library that fits the engine.
	library = "dagger-io==0.19.10"
	source  = "/src"
	venv    = "/venv"
	start   = "/start.py"
	startup = "import sys\n\nfrom dagger.mod.cli import app\n\nsys.exit(app())\n"
)

// PythonSdk builds containers that run Python modules.
type PythonSdk struct {
	// +private
	Root *dagger.Directory
}

// New takes the image this module came in: Debian's Python and uv.
func New(
	// +optional
	sdkSourceDir *dagger.Directory,
) *PythonSdk {
	return &PythonSdk{Root: sdkSourceDir.WithoutDirectory("runtime")}
}

// ModuleRuntime returns the container whose entry point serves the module's functions.
func (sdk *PythonSdk) ModuleRuntime(
	ctx context.Context,
	modSource *dagger.ModuleSource,
	introspectionJSON *dagger.File,
) (*dagger.Container, error) {
	name, err := modSource.ModuleOriginalName(ctx)
	if err != nil {
		return nil, err
	}
	below, err := modSource.SourceSubpath(ctx)
	if err != nil {
		return nil, err
	}
	context := modSource.ContextDirectory()
	files := context.Directory(below)
	project := path.Join(source, below)
	installed, err := sdk.dependencies(ctx, files)
	if err != nil {
		return nil, err
	}
	return installed.
		// sdk/ is what released engines generate; a copy of it must not hide the library.
		WithDirectory(source, context.WithoutDirectory(path.Join(below, "sdk"))).
		WithWorkdir(project).
		WithExec([]string{"uv", "pip", "install", "--no-sources", "--no-deps", "--editable", "."}).
		WithExec([]string{"python", "-m", "compileall", "-q", "."}).
		WithoutMount("/root/.cache/uv").
		WithNewFile(start, startup).
		WithEnvVariable("DAGGER_MODULE", name).
		WithEnvVariable("DAGGER_DEFAULT_PYTHON_PACKAGE", strings.ReplaceAll(name, "-", "_")).
		WithEnvVariable("DAGGER_MAIN_OBJECT", className(name)).
		WithEntrypoint([]string{"python", start}), nil
}

// dependencies installs what the module needs, from its lock if it has one. It sees only the files
// that say so: an edit of the module's code installs nothing again.
func (sdk *PythonSdk) dependencies(ctx context.Context, files *dagger.Directory) (*dagger.Container, error) {
	entries, err := files.Entries(ctx)
	if err != nil {
		return nil, err
	}
	ctr := dag.Container().
		WithRootfs(sdk.Root).
		WithMountedCache("/root/.cache/uv", dag.CacheVolume("python-sdk-uv")).
		WithEnvVariable("UV_LINK_MODE", "copy"). // the cache is another file system
		WithEnvVariable("UV_COMPILE_BYTECODE", "1").
		WithEnvVariable("UV_PYTHON_DOWNLOADS", "never").
		WithEnvVariable("UV_SYSTEM_CERTS", "1"). // the host's certificate authorities count
		WithEnvVariable("VIRTUAL_ENV", venv).
		WithEnvVariable("PATH", venv+"/bin:/usr/local/bin:/usr/bin:/bin").
		WithExec([]string{"uv", "venv", venv})
	if lock := "requirements.lock"; slices.Contains(entries, lock) {
		ctr = ctr.WithFile("/"+lock, files.File(lock)).
			WithExec([]string{"uv", "pip", "install", "--no-deps", "--requirements", "/" + lock})
	}
	project := "pyproject.toml"
	return ctr.WithFile("/project/"+project, files.File(project)).
		WithExec([]string{"uv", "pip", "install", "--no-sources", library, "--requirements", "/project/" + project}), nil
}

// className is the main object's name: LocalaiCi for localai-ci.
func className(module string) string {
	name := ""
	for _, word := range strings.FieldsFunc(module, func(r rune) bool { return r == '-' || r == '_' }) {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	return name
}

// Codegen generates nothing: the library's release has the engine's whole interface.
func (sdk *PythonSdk) Codegen(modSource *dagger.ModuleSource, introspectionJSON *dagger.File) *dagger.GeneratedCode {
	return dag.GeneratedCode(modSource.ContextDirectory())
}
