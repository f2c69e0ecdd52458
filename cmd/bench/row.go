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

// A row of the table is one promise, and how it is measured.
type row struct {
	name   string // B1
	what   string
	goal   float64
	atMost bool // the ratio must be at most goal; else at least
	// tried is printed if the row misses its goal: what was done to reach it.
	tried   string
	measure func(context.Context, *setup) (result, error)
}

// rows lists the table's rows, in its order.
func rows() []row {
	return []row{firstLoad(), nothingNew(), statements(), someChanged(), reconcile(), memory(), memoryRatio(),
		firstPage(), unchanged(), growth(), manyTenants(), manyTenantsMemory(), start(), binary()}
}

// A result is what a row's measurement came to.
type result struct {
	ratio  float64
	unit   string  // of ratio; empty: none
	noise  float64 // the difference between repetitions, as a fraction
	phases []phase
	notes  []string // lines that explain
}

// A phase is a part of the work with the time it took. Phases overlap, because one
// goroutine may work while another waits.
type phase struct {
	Name string
	Took time.Duration
}

func (r row) isMet(ratio float64) bool {
	if r.atMost {
		return ratio <= r.goal
	}
	return ratio >= r.goal
}

// print writes the row with its phases, ending with ok or short.
func (r row) print(w io.Writer, res result) {
	sign, verdict := "≥", "ok"
	if r.atMost {
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
		fmt.Fprintf(&b, "%s %s  ", p.Name, seconds(p.Took))
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

// fastest returns the measure that took the least time, and how far the slowest is from it.
func fastest(all []measure) (measure, float64) {
	byTime := func(a, b measure) int { return cmp.Compare(a.Took, b.Took) }
	first, last := slices.MinFunc(all, byTime), slices.MaxFunc(all, byTime)
	return first, float64(last.Took-first.Took) / float64(first.Took)
}

// processor returns the processor time as text. Other work on the machine changes it less
// than the time on the clock.
func (m measure) processor() string {
	return fmt.Sprintf("processor time %s here and %s in PostgreSQL", seconds(m.CPU), seconds(m.Database))
}
