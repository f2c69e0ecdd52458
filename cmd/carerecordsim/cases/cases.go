// Package cases has one client for each case that a reader of dossiers must get right:
// reports that are replaced before they arrive, forms whose questions come late, plans that
// end overnight, dates without an offset, documents with scripts.
//
// Cases have numbers; All lists them. A case is a sequence of steps. A step writes what a
// care record system would write at one moment, so that a reader can look in between. All
// ids of case 12 begin with casus-12, the id of its client; a second client of the case is
// casus-12-ander or similar.
//
// The package decides what the source holds. What a portal should show of it is up to the
// reader's tests.
package cases

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones for machines without a zone database

	"dossiersync/cmd/carerecordsim/archive"
	"dossiersync/cmd/carerecordsim/simulator"
)

// Case is one numbered case.
type Case struct {
	Number int
	Name   string // its subject in a few words
	Steps  []Step // at least one
}

// Step is what the source writes at one moment.
type Step struct {
	Name   string
	After  time.Duration // since the step before
	Writes []Write
}

// Write is one write in the care record system.
type Write struct {
	Type, ID string
	Body     []byte        // nil: the resource is deleted
	Forget   bool          // the resource vanishes without a tombstone
	Shift    time.Duration // added to lastUpdated
}

// Client returns the id of the case's client.
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

// Play plays all steps at once. Each has the lastUpdated of its time, the last one end.
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

// Play makes the step's writes, with lastUpdated at. Deleting a missing resource is no error.
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

// All returns the cases by number, with dates relative to now. The same now gives the same bytes.
func All(now time.Time) []Case {
	var list []Case
	for _, number := range numbers() {
		list = append(list, write(number, now))
	}
	return list
}

// Find returns the case with that number.
func Find(number int, now time.Time) (Case, error) {
	if _, ok := scripts[number]; !ok {
		return Case{}, noCase(strconv.Itoa(number))
	}
	return write(number, now), nil
}

// Parse returns the cases in a text such as "all", "12,27,31" or "10-24".
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
		zone = time.UTC // unreachable: the zone is compiled in
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
