// Package cases has a client for each case that a reader of dossiers must get
// right: reports that are replaced before they arrive, forms whose questions
// come late, plans that end overnight, dates without an offset, documents with
// scripts in them.
//
// The cases are numbered; All lists them. A case is a sequence of steps, each of
// which writes what a care record system would write at one moment, so that a
// reader can look in between. Everything about case 12 belongs to the client
// casus-12, and all ids begin with that; a second client of the same case is
// casus-12-ander or the like.
//
// The source decides what these resources are; what becomes of them in a portal
// is the reader's business and is not told here.
package cases

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the Dutch hours are right on machines without a database of zones

	"dossiersync/cmd/carerecordsim/archive"
	"dossiersync/cmd/carerecordsim/simulator"
)

// Case is one of them.
type Case struct {
	Number int
	Name   string // what it is about, in a few words
	Steps  []Step // at least one
}

// Step is what happens at one moment.
type Step struct {
	Name   string
	After  time.Duration // since the step before
	Writes []Write
}

// Write is one thing done in the care record system.
type Write struct {
	Type, ID string
	Body     []byte        // nil: the resource is deleted
	Forget   bool          // it vanishes without a trace instead
	Shift    time.Duration // what lastUpdated is off by
}

// Client is the id of the client whom a case is about.
func (c Case) Client() string { return clientOf(c.Number) }

func clientOf(number int) string { return "casus-" + strconv.Itoa(number) }

// Length is the time from the first step to the last.
func (c Case) Length() time.Duration {
	var sum time.Duration
	for _, s := range c.Steps[1:] {
		sum += s.After
	}
	return sum
}

// Play does all steps at once, each with the lastUpdated of its time, the last
// one at end.
func (c Case) Play(s *simulator.Server, end time.Time) error {
	at := end.Add(-c.Length())
	for i, step := range c.Steps {
		if i > 0 {
			at = at.Add(step.After)
		}
		if err := step.Play(s, at); err != nil {
			return fmt.Errorf("case %d: %w", c.Number, err)
		}
	}
	return nil
}

// Play does a step at a time of the caller's choice. Deleting what is not there is
// no error.
func (st Step) Play(s *simulator.Server, at time.Time) error {
	for _, w := range st.Writes {
		if err := w.play(s, at.Add(w.Shift)); err != nil {
			return fmt.Errorf("%s: %s/%s: %w", st.Name, w.Type, w.ID, err)
		}
	}
	return nil
}

func (w Write) play(s *simulator.Server, at time.Time) error {
	var err error
	switch {
	case w.Forget:
		s.Forget(w.Type, w.ID)
	case w.Body == nil:
		_, err = s.DeleteAt(at, w.Type, w.ID)
	default:
		_, err = s.PutAt(at, w.Body)
	}
	if errors.Is(err, archive.ErrNotFound) {
		return nil
	}
	return err
}

// All returns the cases in the order of their numbers, as they are on the day of
// now: what lies in the future lies in its future. The same now gives the same
// bytes.
func All(now time.Time) []Case {
	var list []Case
	for _, number := range numbers() {
		list = append(list, write(number, now))
	}
	return list
}

// Find returns one case.
func Find(number int, now time.Time) (Case, error) {
	if _, ok := scripts[number]; !ok {
		return Case{}, noCase(strconv.Itoa(number))
	}
	return write(number, now), nil
}

// Parse returns the cases that a text such as "all" or "12,27,31" or "10-24"
// names.
func Parse(text string, now time.Time) ([]Case, error) {
	if text == "all" {
		return All(now), nil
	}
	chosen := map[int]bool{}
	for part := range strings.SplitSeq(text, ",") {
		first, last, err := interval(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		found := false
		for _, number := range numbers() {
			if number >= first && number <= last {
				chosen[number], found = true, true
			}
		}
		if !found {
			return nil, noCase(strings.TrimSpace(part))
		}
	}
	var list []Case
	for _, number := range slices.Sorted(maps.Keys(chosen)) {
		list = append(list, write(number, now))
	}
	return list, nil
}

func noCase(text string) error {
	all := numbers()
	return fmt.Errorf("there is no case %s; there are %d, from 1 to %d", text, len(all), all[len(all)-1])
}

func numbers() []int { return slices.Sorted(maps.Keys(scripts)) }

func write(number int, now time.Time) Case {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		zone = time.UTC // cannot be: the zone is compiled in
	}
	m := &maker{number: number, now: now.In(zone).Truncate(time.Second)}
	scripts[number].write(m)
	return Case{Number: number, Name: scripts[number].name, Steps: m.steps}
}

func interval(text string) (first, last int, err error) {
	from, until, several := strings.Cut(text, "-")
	if first, err = strconv.Atoi(from); err == nil {
		last = first
		if several {
			last, err = strconv.Atoi(until)
		}
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%q is neither a number nor a range of numbers", text)
	}
	return first, last, nil
}
