package simulator

import (
	"testing"
	"time"
)

func TestParseDateReturnsThePeriod(t *testing.T) {
	t.Parallel()
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string][2]string{
		"2025":                          {"2024-12-31T23:00:00Z", "2025-12-31T23:00:00Z"},
		"2025-02":                       {"2025-01-31T23:00:00Z", "2025-02-28T23:00:00Z"},
		"2025-03-30":                    {"2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z"}, // 23 hours: summer time begins
		"2025-07-01T07:00":              {"2025-07-01T05:00:00Z", "2025-07-01T05:01:00Z"},
		"2025-07-01T07:00:00":           {"2025-07-01T05:00:00Z", "2025-07-01T05:00:01Z"},
		"2025-07-01T07:00:00+01:00":     {"2025-07-01T06:00:00Z", "2025-07-01T06:00:01Z"},
		"2025-07-01T07:00:00.12Z":       {"2025-07-01T07:00:00.12Z", "2025-07-01T07:00:00.13Z"},
		"2025-07-01T07:00:00.123-00:30": {"2025-07-01T07:30:00.123Z", "2025-07-01T07:30:00.124Z"},
	} {
		low, high, err := parseDate(s, amsterdam)
		if err != nil {
			t.Errorf("parseDate(%q): %v", s, err)
			continue
		}
		if got := [2]string{low.UTC().Format(time.RFC3339Nano), high.UTC().Format(time.RFC3339Nano)}; got != want {
			t.Errorf("parseDate(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestParseDateRefusesOtherFormats(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "25", "2025-1-1", "2025-13", "2025-02-30", "2025-02-03T7:00", "2025-02-03T07", "2025-02-03T07:00:00,5Z",
		"2025-02-03 07:00:00", "2025-02-03T07:00:00 01:00", "2025-02-03T24:00:00Z", "2025-02-03T07:00:00+0100", " 2025",
	} {
		if low, _, err := parseDate(s, time.UTC); err == nil {
			t.Errorf("parseDate(%q) = %v, want an error", s, low)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"2025", "2025-02", "2025-02-28", "2025-02-03T07:00",
		"2025-02-03T07:00:00.123456789+01:00", "ge2025-03-30T02:30:00", "0000", "9999-12-31T23:59:59Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		low, high, err := parseDate(s, time.UTC)
		if err == nil && !low.Before(high) {
			t.Errorf("parseDate(%q) = %v, %v: nothing lies between", s, low, high)
		}
		_, _ = parsePrefixed(s, time.UTC)
	})
}
