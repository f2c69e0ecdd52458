package dossiers

import (
	"testing"

	"dossiersync/cmd/carerecordsim/simulator"
)

// BenchmarkGenerate makes the history of 40 clients over two years, some 40,000 resources.
func BenchmarkGenerate(b *testing.B) {
	for b.Loop() {
		if _, err := Generate(Options{Clients: 40, Years: 2, Seed: 1, Now: now}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFill(b *testing.B) {
	d, err := Generate(Options{Clients: 40, Years: 2, Seed: 1, Now: now})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := d.Fill(simulator.New(simulator.Options{})); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(d.Writes)), "writes/op")
}
