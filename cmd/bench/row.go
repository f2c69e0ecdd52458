package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A row of the table: one promise, and how it is measured. To add one, write a
// file with a function that returns it, and name that in rows.
type row struct {
	name string // B1
	what string
	goal float64
	most bool // the goal is the most that the ratio may be; else the least
	// tried says what was tried where the row stays short of its goal.
	tried   string
	measure func(context.Context, *stage) (result, error)
}

// rows lists the table's rows, in its order.
func rows() []row {
	return []row{firstLoad(), nothingNew(), reconcile(), memory(), memoryRatio(), firstPage(), unchanged()}
}

// A result is what a row's measurement came to.
type result struct {
	ratio  float64
	unit   string  // of ratio; empty: none
	noise  float64 // how far the repetitions are apart, as a fraction
	phases []phase
	notes  []string // lines that explain
}

// A phase is where time went. Phases overlap: what one goroutine does while
// another waits counts twice.
type phase struct {
	name string
	took time.Duration
}

func (r row) isMet(ratio float64) bool {
	if r.most {
		return ratio <= r.goal
	}
	return ratio >= r.goal
}

// print writes the row, its phases beside it, and ends it with ok or short.
func (r row) print(w io.Writer, res result) {
	sign, verdict := "≥", "ok"
	if r.most {
		sign = "≤"
	}
	if !r.isMet(res.ratio) {
		verdict = "short"
	}
	places := 2
	if res.unit != "" {
		places = 0
	}
	var b strings.Builder
	for _, p := range res.phases {
		fmt.Fprintf(&b, "%s %s  ", p.name, seconds(p.took))
	}
	fmt.Fprintf(w, "%-3s %-58s %s| %.*f%s (goal %s %g%s, noise %.0f%%) %s\n", r.name, r.what, b.String(),
		places, res.ratio, res.unit, sign, r.goal, res.unit, 100*res.noise, verdict)
	for _, note := range res.notes {
		fmt.Fprintln(w, "      "+note)
	}
	if verdict == "short" && r.tried != "" {
		fmt.Fprintln(w, "      tried: "+r.tried)
	}
}

func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// best returns the measure that took least, and how far the others are from it.
func best(all []measure) (measure, float64) {
	byTime := func(a, b measure) int { return cmp.Compare(a.Took, b.Took) }
	first, last := slices.MinFunc(all, byTime), slices.MaxFunc(all, byTime)
	return first, float64(last.Took-first.Took) / float64(first.Took)
}

// processor says how much processor time it took, which other work on the machine
// does not change as much as how long it took.
func (m measure) processor() string {
	return fmt.Sprintf("of processor %s here and %s in PostgreSQL", seconds(m.CPU), seconds(m.Database))
}
