package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query is the query parameters of a request. Methods that read a parameter return its zero value
// if it is wrong; Err returns the first fault.
type Query struct {
	values url.Values
	err    error
}

// ReadQuery reads r's parameters. A parameter that is not allowed, repeated or empty is a fault.
func ReadQuery(r *http.Request, allowed ...string) *Query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &Query{values: values}
	if err != nil {
		q.err = Invalid("", "De vraag achter het vraagteken is geen geldige reeks parameters.")
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch {
		case !slices.Contains(allowed, name):
			q.fail(printable(name), "Deze parameter is hier niet bekend.")
		case len(values[name]) > 1:
			q.fail(name, "Deze parameter mag maar één keer voorkomen.")
		case values.Get(name) == "":
			q.fail(name, "Deze parameter heeft geen waarde.")
		}
	}
	return q
}

var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z-]{0,31}$`)

// printable returns the name of an unknown parameter if it looks like a name, or else nothing,
// because it may be a misplaced value with personal data.
func printable(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return ""
}

func (q *Query) fail(name, detail string) {
	if q.err == nil {
		q.err = Invalid(name, detail)
	}
}

// Err returns the first fault of the parameters read so far, or nil.
func (q *Query) Err() error { return q.err }

// Has reports whether the parameter is given.
func (q *Query) Has(name string) bool { return q.values.Has(name) }

// Text returns a parameter unchecked, or empty.
func (q *Query) Text(name string) string { return q.values.Get(name) }

// OneOf returns a parameter, which must be one of choices, or empty.
func (q *Query) OneOf(name string, choices ...string) string {
	v := q.values.Get(name)
	if v == "" || slices.Contains(choices, v) {
		return v
	}
	q.fail(name, "Kies uit "+strings.Join(choices, ", ")+".")
	return ""
}

// Match returns a parameter, which must match pattern, or empty.
func (q *Query) Match(name string, pattern *regexp.Regexp) string {
	v := q.values.Get(name)
	if v == "" || pattern.MatchString(v) {
		return v
	}
	q.fail(name, "Geef een id zoals het in een antwoord staat.")
	return ""
}

// Int returns a parameter, which must be a number from lowest to highest, or def.
func (q *Query) Int(name string, def, lowest, highest int) int {
	v := q.values.Get(name)
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < lowest || n > highest || strconv.Itoa(n) != v {
		q.fail(name, fmt.Sprintf("Geef een getal van %d tot en met %d.", lowest, highest))
		return def
	}
	return n
}

// Date returns the first instant in zone of a parameter, which must be a date, or zero.
func (q *Query) Date(name string, zone *time.Location) time.Time {
	v := q.values.Get(name)
	if v == "" {
		return time.Time{}
	}
	t, ok := ParseDate(v, zone)
	if !ok {
		q.fail(name, "Geef een datum als 2026-03-01.")
	}
	return t
}

// ParseDate returns the first instant of a date from the year 1 to 9998 in zone.
func ParseDate(s string, zone *time.Location) (time.Time, bool) {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil || d.Year() < 1 || d.Year() > 9998 {
		return time.Time{}, false
	}
	return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, zone), true
}

// Interval returns the parameters from and to, two inclusive dates in zone, as a half-open
// interval. A missing bound is zero.
func (q *Query) Interval(zone *time.Location) (from, to time.Time) {
	from, to = q.Date("from", zone), q.Date("to", zone)
	if !from.IsZero() && !to.IsZero() && to.Before(from) {
		q.fail("to", "De datum bij to ligt voor die bij from.")
	}
	if !to.IsZero() {
		to = NextDay(to)
	}
	return from, to
}

// NextDay returns the first instant of the day after t's.
func NextDay(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, t.Location())
}

// Encode returns the parameters as a sorted query, without the named ones and with more added.
func (q *Query) Encode(more map[string]string, without ...string) string {
	v := make(url.Values, len(q.values))
	for name, values := range q.values {
		if !slices.Contains(without, name) {
			v[name] = values
		}
	}
	for name, value := range more {
		v.Set(name, value)
	}
	return v.Encode()
}
