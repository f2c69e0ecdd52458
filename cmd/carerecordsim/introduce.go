package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"dossiersync/cmd/carerecordsim/carerecord"
)

// printIntroduction prints what is served and some requests to try.
func printIntroduction(w io.Writer, f flags, o carerecord.Options, system *carerecord.System) {
	var b strings.Builder
	if o.Dossiers.Clients > 0 || o.Load == "" {
		fmt.Fprintf(&b, "The care record system of %s. Nobody in it exists.\n", f.TenantName)
	}
	if o.Load != "" {
		fmt.Fprintf(&b, "%d resources from %d files in %s, unchanged.\n", system.Loaded.Resources,
			system.Loaded.Files, o.Load)
	}
	fmt.Fprintf(&b, "FHIR R4 at %s\n", system.URL())
	if o.Behaviour.Name != "honest" {
		fmt.Fprintf(&b, "It behaves like %s: %s.\n", o.Behaviour.Name, o.Behaviour.About)
	}
	if n := len(o.Faults.Rules); n > 0 {
		fmt.Fprintf(&b, "It has faults: %d rules in %s.\n", n, f.Faults)
	}
	b.WriteByte('\n')
	counts := system.Server.Counts()
	for _, typ := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, "%8d %s\n", counts[typ], typ)
	}
	printCases(&b, o)
	printExamples(&b, f, system)
	if o.Live > 0 {
		fmt.Fprintf(&b, "\nA change every %s:\n", o.Live)
	}
	_, _ = io.WriteString(w, b.String())
}

func printCases(b *strings.Builder, o carerecord.Options) {
	if len(o.Cases) > 0 {
		b.WriteByte('\n')
	}
	for _, c := range o.Cases {
		fmt.Fprintf(b, "%9s %s\n", c.Client(), c.Name)
	}
}

func printExamples(b *strings.Builder, f flags, system *carerecord.System) {
	auth := ""
	if f.TokenFile != "" {
		auth = fmt.Sprintf(`-H "Authorization: Bearer $(cat '%s')" `, f.TokenFile)
	}
	fmt.Fprintf(b, "\nTry:\n  curl %s'%s/Patient?_count=2'\n", auth, system.URL())
	if client := firstClient(system.Server); client != "" {
		fmt.Fprintf(b, "  curl %s'%s/Observation?patient=%s&_sort=-_lastUpdated&_count=3'\n", auth, system.URL(),
			client)
	}
}
