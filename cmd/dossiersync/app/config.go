package app

import (
	"os"

	"dossiersync/config"
	"dossiersync/store/dossier"
	"dossiersync/sync/fhir"
)

// LoadConfig reads the configuration file at path, whose searches must be ones that the
// FHIR source can make. A file with faults is refused with [config.Faults].
func LoadConfig(path string, getenv func(string) (string, bool)) (*config.Config, error) {
	return config.Load(path, getenv, fhirSearches())
}

// ParseConfig reads data as [LoadConfig] reads the file called name.
func ParseConfig(name string, data []byte, getenv func(string) (string, bool)) (*config.Config, error) {
	return config.Parse(name, data, getenv, os.ReadFile, fhirSearches())
}

// ConfigSchema returns the JSON Schema of the configuration file.
func ConfigSchema() ([]byte, error) { return config.Schema(fhirSearches()) }

func fhirSearches() config.Searches {
	known := config.Searches{Check: func(stream, search string) error {
		return fhir.CheckSearch(dossier.Stream(stream), search)
	}}
	for _, s := range dossier.Streams() {
		known.Streams = append(known.Streams, config.Stream{Name: string(s), Types: s.Types()})
	}
	return known
}
