package app

import "runtime/debug"

// Build says what this program is.
type Build struct {
	Version   string `json:"version"`
	Revision  string `json:"revision"`
	GoVersion string `json:"go"`
}

// String tells builds apart.
func (b Build) String() string { return b.Version + " " + b.Revision }

// Set when a release is built (-ldflags -X dossiersync/cmd/dossiersync/app.version=…).
var version, revision string

// BuildInfo returns what this program is.
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
