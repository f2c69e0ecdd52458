package app

import "runtime/debug"

// Build identifies this program.
type Build struct {
	Version   string `json:"version"`
	Revision  string `json:"revision"`
	GoVersion string `json:"go"`
}

// String returns a text that differs between builds.
func (b Build) String() string { return b.Version + " " + b.Revision }

// Set when a release is built (-ldflags -X dossiersync/cmd/dossiersync/app.version=…).
var version, revision string

// BuildInfo returns the build of this program.
func BuildInfo() Build {
	b := Build{Version: version, Revision: "unknown", GoVersion: "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.GoVersion = info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Revision = s.Value
			}
		}
	}
	if revision != "" {
		b.Revision = revision
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	return b
}
