package sync_test

import (
	"fmt"
	"regexp"
	"testing"
)

// Scripts that once found a fault in the engine, reduced as far as possible.
func TestScriptsThatOnceFailed(t *testing.T) {
	t.Parallel()
	h := newScriptHarness(t)
	for _, script := range []string{
		// Reading deletions could fill every short slice for ever.
		`source page=3 feed
		run
		worker tiny`,
		// The references of a replaced report stayed.
		`source page=3 feed
		all
		pass 1h
		run
		put r4 c1 by=n1 replaces=r1
		run`,
		// A client that only a reconcile found got no backfill.
		`source page=3 feed
		pass 1h
		run
		put c1 late=3h
		reconcile`,
		// The old version stayed shown when increments missed a bad one.
		`source page=3 feed
		all
		pass 1h
		run
		merge c1 c3
		clock -3h
		bad k1 envelope
		reconcile`,
		// A restored source's older good version was refused for ever if only a newer bad version
		// had come before.
		`source order=byID endless
		all
		bad c1 envelope
		pass 1h
		truncate
		worker tiny
		pass 30s
		tx 11 kill
		at 30 fail invalid
		source feed gone cached
		run
		put c1 late=3h
		pass 400ms
		run`,
		// A type that failed in each slice, as the last thing that the slice did, was retried for
		// ever.
		`source feed
		run
		run stream=reports
		from 18 fail unsupported
		worker tiny`,
		// A type that is read client by client is not asked for records of unknown clients. This
		// was a fault of the checks.
		`source feed unmindful short
		all
		put f1 c3 by=n1 plan=q1
		put n1
		restore
		pass 5m
		at 11 fail unsupported
		at 35 fail 500
		run`,
	} {
		h.execute(t.Context(), t, parseScript(script))
	}
}

// Each mishap of a small organisation is endured (I1, I5, I5a, I6): execute checks that after every
// run and at the end. In some scripts the source refuses what it does not show.
func TestEveryMishapIsEndured(t *testing.T) {
	t.Parallel()
	h := newScriptHarness(t)
	hides := regexp.MustCompile(`empty|unseen|client|criterion`)
	for i, mishap := range []string{
		"empty", "unseen=r", "unseen=c", "unseen=n", "forbidden=r", "forbidden=c", "client=c1", "client=c3",
		"criterion=0", "criterion=1", "field=security", "field=tag", "field=category", "field=status",
		"field=subject", "field=value", "pages=1", "pages=4 lying", "client=c1 field=value", "unseen=q pages=2",
	} {
		for _, refusing := range []string{"", " refusing"} {
			if refusing != "" && !hides.MatchString(mishap) {
				continue // the source shows every record
			}
			h.execute(t.Context(), t, parseScript(fmt.Sprintf(`
				source page=3 %s
				all
				crowd c1 12
				put r4 c2
				put f2 c2
				hide r3 marked
				hide r4 marked by=tag
				hide r100 marked by=category
				hide g1 marked
				pass 1h
				run
				mishap %s
				pass 1h
				run
				run full
				reconcile
				tomorrow
				put r2 c2 by=n2
				lose q1
				pass 1h
				worker
				reconcile`, []string{"feed", "totals=no"}[i%2], mishap+refusing)))
		}
	}
}
