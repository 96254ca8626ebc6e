// Package distconsts stands in for the nested module of the same name, which
// the Go module proxy does not serve. The engine only reads these constants;
// the paths are where engine/native bind-mounts its own files.
package distconsts

const (
	EngineContainerName    = "dagger-engine.dev"
	DefaultEngineSockAddr  = "unix:///run/dagger/engine.sock"
	RuncPath               = "/usr/local/bin/runc"
	DaggerInitPath         = "/usr/local/bin/dagger-init"
	TiniPath               = "/usr/local/bin/tini"
	EngineDefaultStateDir  = "/var/lib/dagger"
	EngineCustomCACertsDir = "/usr/local/share/ca-certificates"
	OCIVersionAnnotation   = "org.opencontainers.image.version"
)

// The built-in content store and the environment variables that name what it holds.
const (
	EngineContainerBuiltinContentDir   = "/usr/local/share/dagger/content"
	GoSDKManifestDigestEnvName         = "DAGGER_GO_SDK_MANIFEST_DIGEST"
	PythonSDKManifestDigestEnvName     = "DAGGER_PYTHON_SDK_MANIFEST_DIGEST"
	TypescriptSDKManifestDigestEnvName = "DAGGER_TYPESCRIPT_SDK_MANIFEST_DIGEST"
)

// Images that only Dagger's own build of itself uses.
const (
	AlpineVersion  = "3.22.1"
	AlpineImage    = "alpine:" + AlpineVersion
	GolangVersion  = "1.26"
	GolangImage    = "golang:" + GolangVersion + "-alpine"
	BusyboxVersion = "1.37.0"
	BusyboxImage   = "busybox:" + BusyboxVersion
)
