package config

import "testing"

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"schedule", "source", "timezone", "key", "client_ca_file", "care-plans"}
	for name, want := range map[string]string{
		"shedule":    "schedule",
		"shcedule":   "schedule",
		"SCHEDULE":   "schedule",
		"Time-Zone":  "timezone",
		"care_plans": "care-plans",
		"client_ca":  "client_ca_file",
		"keys":       "key",
		"kiss":       "",
		"e":          "",
		"":           "",
		"résumé":     "",
	} {
		if got := nearest(name, names); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
