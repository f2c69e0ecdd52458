package sync_test

import "testing"

// Scripts that once led to a fault in the engine, as small as they could be made.
func TestScriptsThatOnceFailed(t *testing.T) {
	t.Parallel()
	h := newScriptHarness(t)
	for _, script := range []string{
		// Asking for deletions could fill every short slice for ever.
		`source page=3 feed
		run
		worker tiny`,
		// What a replaced report named stayed in refs.
		`source page=3 feed
		all
		pass 1h
		run
		put r4 c1 by=n1 replaces=r1
		run`,
		// A client whom only a reconcile found stayed without a history.
		`source page=3 feed
		pass 1h
		run
		put c1 late=3h
		reconcile`,
		// A bad version that increments had missed left the old one shown.
		`source page=3 feed
		all
		pass 1h
		run
		merge c1 c3
		clock -3h
		bad k1 envelope
		reconcile`,
		// A bad version that was all that had ever come barred an older good one, which
		// the source went back to, for ever.
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
		// A type that failed for ever in slices that ended with it was tried for ever.
		`source feed
		run
		run stream=reports
		from 18 fail unsupported
		worker tiny`,
	} {
		h.execute(t.Context(), t, parseScript(script))
	}
}
