package simulator

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// datePattern is stricter than time.Parse, which takes "7:00" and "7,5".
var datePattern = regexp.MustCompile(
	`^\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?)?)?$`)

// parseDate returns the period of a FHIR date, low included and high not: a year, a month, a day, a
// minute, a second or a fraction. A time without an offset is in zone.
func parseDate(s string, zone *time.Location) (low, high time.Time, err error) {
	if !datePattern.MatchString(s) {
		return low, high, fmt.Errorf("%q is not a FHIR date", s)
	}
	layout, next := dateLayout(s)
	if low, err = time.ParseInLocation(layout, s, zone); err != nil {
		return low, high, fmt.Errorf("%q is not a FHIR date", s)
	}
	return low, next(low), nil
}

// dateLayout returns the layout of s, and a function to the next value of that precision.
func dateLayout(s string) (string, func(time.Time) time.Time) {
	switch len(s) {
	case len("2006"):
		return "2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }
	case len("2006-01"):
		return "2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
	case len("2006-01-02"):
		return "2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	}
	clock, offset := s[len("2006-01-02T"):], ""
	if i := strings.IndexAny(clock, "Z+-"); i >= 0 {
		clock, offset = clock[:i], "Z07:00"
	}
	if len(clock) == len("15:04") {
		return "2006-01-02T15:04" + offset, step(time.Minute)
	}
	precision := time.Second
	if _, fraction, ok := strings.Cut(clock, "."); ok {
		for range fraction {
			precision /= 10
		}
	}
	return "2006-01-02T15:04:05" + offset, step(precision)
}

func step(d time.Duration) func(time.Time) time.Time {
	return func(t time.Time) time.Time { return t.Add(d) }
}

// span is a range of instants, low included and high not; zero ends are open.
type span struct{ low, high time.Time }

// parsePrefixed reads a date with a prefix: eq, ge, le, gt or lt. The default is eq.
func parsePrefixed(s string, zone *time.Location) (span, error) {
	prefix, date := "eq", s
	if len(s) > 2 && s[0] >= 'a' {
		prefix, date = s[:2], s[2:]
	}
	low, high, err := parseDate(date, zone)
	if err != nil {
		return span{}, err
	}
	switch prefix {
	case "eq":
		return span{low, high}, nil
	case "ge":
		return span{low: low}, nil
	case "gt":
		return span{low: high}, nil
	case "le":
		return span{high: high}, nil
	case "lt":
		return span{high: low}, nil
	}
	return span{}, fmt.Errorf("prefix %q is not supported", prefix)
}

// and returns the instants in both.
func (s span) and(t span) span {
	if s.low.IsZero() || t.low.After(s.low) {
		s.low = t.low
	}
	if s.high.IsZero() || !t.high.IsZero() && t.high.Before(s.high) {
		s.high = t.high
	}
	return s
}
