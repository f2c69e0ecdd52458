package main

import "runtime/debug"

// build says what this program is.
type build struct {
	Version   string `json:"version"`
	Revision  string `json:"revision"`
	GoVersion string `json:"go"`
}

// String tells builds apart.
func (b build) String() string { return b.Version + " " + b.Revision }

// Set when a release is built (-ldflags -X main.version=…).
var version, revision string

func buildInfo() build {
	b := build{Version: version, Revision: "unknown", GoVersion: "unknown"}
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
