package fhir

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

func TestParseMoment(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, literal, utc string
		precision          dossier.Precision
	}{
		{"case 52 year", "2024", "2023-12-31T23:00:00Z", dossier.PrecisionYear},
		{"case 52 month in summer", "2024-07", "2024-06-30T22:00:00Z", dossier.PrecisionMonth},
		{"case 52 day", "2024-02-29", "2024-02-28T23:00:00Z", dossier.PrecisionDay},
		{"UTC", "2025-03-04T05:06:07Z", "2025-03-04T05:06:07Z", dossier.PrecisionSecond},
		{"case 54 winter offset in summer", "2025-07-01T08:00:00+01:00", "2025-07-01T07:00:00Z", dossier.PrecisionSecond},
		{"negative offset", "1987-11-19T00:22:16.824-05:00", "1987-11-19T05:22:16.824Z", dossier.PrecisionSecond},
		{"half-hour offset", "2025-07-01T08:00:00+05:30", "2025-07-01T02:30:00Z", dossier.PrecisionSecond},
		{"fraction beyond nanoseconds", "2025-07-01T08:00:00.12345678912Z", "2025-07-01T08:00:00.123456789Z", dossier.PrecisionSecond},
		{"no seconds", "2025-07-01T08:00+02:00", "2025-07-01T06:00:00Z", dossier.PrecisionSecond},
		{"case 53 no offset in winter", "2025-01-01T08:00:00", "2025-01-01T07:00:00Z", dossier.PrecisionSecond},
		{"case 53 no offset in summer", "2025-07-01T08:00:00", "2025-07-01T06:00:00Z", dossier.PrecisionSecond},
		{"case 51 spring night, before", "2025-03-30T01:59:59", "2025-03-30T00:59:59Z", dossier.PrecisionSecond},
		{"case 51 spring night, in the gap", "2025-03-30T02:30:00", "2025-03-30T01:30:00Z", dossier.PrecisionSecond},
		{"case 51 spring night, after", "2025-03-30T03:00:00", "2025-03-30T01:00:00Z", dossier.PrecisionSecond},
		{"case 51 autumn night, the first of two", "2025-10-26T02:30:00", "2025-10-26T00:30:00Z", dossier.PrecisionSecond},
		{"case 51 autumn night, said to be the second", "2025-10-26T02:30:00+01:00", "2025-10-26T01:30:00Z", dossier.PrecisionSecond},
		{"case 51 autumn night, after", "2025-10-26T03:00:00", "2025-10-26T02:00:00Z", dossier.PrecisionSecond},
		{"case 51 autumn day", "2025-10-26", "2025-10-25T22:00:00Z", dossier.PrecisionDay},
		{"case 55 leap second", "2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z", dossier.PrecisionSecond},
		{"case 55 leap second with fraction", "2016-12-31T23:59:60.5Z", "2016-12-31T23:59:59.999Z", dossier.PrecisionSecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseMoment(test.literal, mustZone())
			if err != nil {
				t.Fatal(err)
			}
			at, _ := time.Parse(time.RFC3339Nano, test.utc)
			want := dossier.Moment{Time: at.UTC(), Precision: test.precision, Literal: test.literal}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseMomentRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "24", "0000", "2024-13", "2024-13-01", "2024-00-01", "2023-02-29", "2024-04-31", "2024-1-1", "20240101",
		"2024-01-01T", "2024-01-01T24:00:00Z", "2024-01-01T10", "2024-01-01T10:60:00Z", "2024-01-01T10:00:61Z",
		"2024-01-01T10:00:00.Z", "2024-01-01T10:00:00+1:00", "2024-01-01T10:00:00+0100", "2024-01-01T10:00:00+15:00",
		"2024-01-01 10:00:00Z", "2024-01-01t10:00:00z", "2024-01-01T10:00:00Zx", " 2024", "2024-01-01Z", "vandaag",
		"2024T10:00:00Z", "2024-01T10:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "-2024",
	} {
		if got, err := parseMoment(s, mustZone()); err == nil {
			t.Errorf("%q: got %v, want a refusal", s, got.Time)
		}
	}
}

func TestLastDay(t *testing.T) {
	t.Parallel()
	for literal, want := range map[string]string{
		"2025":                      "2025-12-31",
		"2024-02":                   "2024-02-29",
		"2025-12":                   "2025-12-31",
		"2025-03-30":                "2025-03-30",
		"2025-06-30T23:30:00Z":      "2025-07-01", // past midnight in the zone
		"2025-06-30T23:30:00+02:00": "2025-06-30",
	} {
		m, err := parseMoment(literal, mustZone())
		if err != nil {
			t.Fatal(err)
		}
		if got := lastDay(m, mustZone()); got != want {
			t.Errorf("%s: got %s, want %s", literal, got, want)
		}
	}
}

// FuzzMoment: whatever is accepted can be stored, written and read again, and
// full dates are what the time package makes of them.
func FuzzMoment(f *testing.F) {
	for _, s := range []string{"2024", "2024-02", "2024-02-29", "2025-03-30T02:30:00", "2016-12-31T23:59:60Z",
		"2025-07-01T08:00:00.123+05:30", "0001", "9999-12-31"} {
		f.Add(s)
	}
	zone := mustZone()
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseMoment(s, zone)
		if err != nil {
			if want, err := time.Parse(time.RFC3339Nano, s); err == nil && want.Year() > 1 && want.Year() < 9999 && len(s) < 36 &&
				s[10] == 'T' {
				_, offset := want.Zone()
				if offset <= 14*3600 && offset >= -14*3600 {
					t.Fatalf("%q refused", s)
				}
			}
			return
		}
		if _, err := m.Time.MarshalJSON(); err != nil || m.Time.IsZero() {
			t.Fatalf("%q: %v %v", s, m.Time, err)
		}
		if want, err := time.Parse(time.RFC3339Nano, s); err == nil && !want.Equal(m.Time) {
			t.Fatalf("%q: got %v, want %v", s, m.Time, want)
		}
		if last := lastDay(m, zone); len(last) != 10 {
			t.Fatalf("%q: last day %q", s, last)
		}
	})
}
