package sync

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

const (
	// barrenPasses is how many passes over a window may add nothing before it is
	// given up as short of the source's count.
	barrenPasses = 2
	// windowRestarts is how often a window begins anew since the source's link
	// to the next page has expired.
	windowRestarts = 3
	// maxPages bounds one pass, whatever the source sends (I12).
	maxPages = 100_000
)

// window reads one closed interval of source time, from the last drained window
// to the run's end or as far as about [Options.WindowItems] records go, and
// applies what it brings.
type window struct {
	*slice
	t          *store.RunType
	typ        source.Type
	client     string                    // only this client's records; empty: all
	from, to   time.Time                 // zero from: the beginning
	whole      bool                      // a client's history: moving no cursor, and not cut
	uncut      bool                      // read to its end, however large it grows
	census     bool                      // lists who is there, for a reconcile; nothing is applied
	union      map[dossier.Hash]sighting // what all passes have brought
	total      int                       // what the source says there is; -1: it does not
	offset     bool                      // its pages count records from the start, and may skip some when others move
	unfiltered bool                      // the source answers with all records, whatever the interval
	barren     int                       // passes that added nothing
	passes     int                       // begun
	came       int                       // how many of the union this pass has brought
	next       map[string]struct{}       // links followed in this pass
}

// sighting is a record as a window has last seen it.
type sighting struct {
	updated time.Time
	pass    int
}

// window reads the next window of t, and moves the cursor to its end.
func (r *slice) window(ctx context.Context, t *store.RunType) error {
	w, err := r.newWindow(t)
	if err != nil {
		return err
	}
	w.client = r.claim.Run.Scope.Client
	return r.readWindow(ctx, w)
}

// readWindow reads w from where its type is, and notes how far that has come.
func (r *slice) readWindow(ctx context.Context, w *window) error {
	t := w.t
	switch {
	case t.Upto != nil:
		w.from = *t.Upto
	case t.From != nil:
		w.from = *t.From
	}
	drained, err := w.read(ctx)
	if err != nil {
		return err
	}
	t.Upto, t.Done, t.Short = &drained.Upto, drained.Last, t.Short || drained.Short
	return nil
}

// history reads all that the source has of one client, in one window that moves
// no cursor.
func (r *slice) history(ctx context.Context, t *store.RunType, client string) error {
	w, err := r.newWindow(t)
	if err != nil {
		return err
	}
	w.client, w.whole, w.uncut = client, true, true
	drained, err := w.read(ctx)
	if err == nil && drained.Short {
		err = &source.Failure{Kind: source.Invalid, Act: "search " + t.Type,
			Err: errors.New("fewer records came than the source had counted")}
	}
	return err
}

func (r *slice) newWindow(t *store.RunType) (*window, error) {
	typ, ok := r.sourceType(t.TypeID)
	if !ok {
		return nil, &source.Failure{Kind: source.Unsupported, Act: "read " + t.Type, Err: errors.New("no longer configured")}
	}
	return &window{slice: r, t: t, typ: typ, to: t.To, union: make(map[dossier.Hash]sighting)}, nil
}

// read drains the window, anew if the source's pages expire meanwhile.
func (w *window) read(ctx context.Context) (*store.Drained, error) {
	began := time.Now()
	for restarts := 0; ; restarts++ {
		drained, err := w.drain(ctx)
		if err == nil {
			w.syncer.metrics.windows.WithLabelValues(w.tenant.ID, string(w.t.Stream)).Observe(time.Since(began).Seconds())
			return drained, nil
		}
		if source.KindOf(err) != source.Expired || restarts == windowRestarts {
			return nil, err
		}
		w.log.Info("the source's pages have expired; the window begins anew", zap.String("type", w.t.Type))
	}
}

// drain passes over the window until everything in it has come.
func (w *window) drain(ctx context.Context) (*store.Drained, error) {
	for {
		before := len(w.union)
		drained, err := w.pass(ctx)
		if err != nil || drained != nil {
			return drained, err
		}
		if len(w.union) == before {
			w.barren++
		}
	}
}

// see notes that the pass has brought the record.
func (w *window) see(it *dossier.Item) {
	id := identity(it)
	if w.union[id].pass != w.passes {
		w.came++
	}
	w.union[id] = sighting{it.Updated, w.passes}
}

// drained decides, at the end of a pass, whether the window is drained: the union
// of the passes has reached the source's count, or passes add nothing any more.
func (w *window) drained() *store.Drained {
	d := &store.Drained{Upto: w.to, Last: w.to.Equal(w.t.To)}
	switch {
	case w.total < 0 && w.offset && w.barren == 0:
		return nil // nothing tells whether a record was skipped but another look
	case w.total <= w.have(w.to): // also where the source does not count
		return d
	case w.total <= w.came: // it counts what is newer, too, and has sent it
		return d
	}
	if w.barren < barrenPasses {
		return nil
	}
	d.Short = true
	return d
}

// cut returns where a window that has grown large enough may end: before the
// last moment that the pages have reached, as there may be more of that moment to
// come. It returns zero while there is no such place.
func (w *window) cut(order ascending) time.Time {
	if w.uncut || len(w.union) < w.syncer.opts.WindowItems || w.unfiltered || order.broken {
		return time.Time{}
	}
	if !order.before.After(w.from) {
		return time.Time{}
	}
	return order.before
}

// endAt ends the window at the moment cut, if the source's count agrees that
// nothing before it is missing. Else a record was skipped, or the order is not
// what it seems: then that smaller window is read to its end.
func (w *window) endAt(ctx context.Context, cut time.Time) (*store.Drained, error) {
	counted, err := w.search(ctx, source.Query{Type: w.typ, Client: w.client, From: w.from, To: cut, CountOnly: true})
	if source.KindOf(err) == source.Unsupported {
		counted, err = source.Page{Total: -1}, nil
	}
	if err != nil {
		return nil, err
	}
	have := w.have(cut)
	// Where the count is of everything from the window's beginning, although
	// records after its end have come, the source ignores the end.
	endless := counted.Total == w.total && len(w.union) > have
	if counted.Total <= have || endless {
		return &store.Drained{Upto: cut}, nil
	}
	w.to, w.uncut = cut, true
	return nil, nil
}

// have counts what all passes have brought up to the moment to.
func (w *window) have(to time.Time) int {
	n := 0
	for _, seen := range w.union {
		if w.unfiltered || !seen.updated.After(to) {
			n++
		}
	}
	return n
}

// ascending watches the order of what the pages bring.
type ascending struct {
	before, last time.Time // the last two different moments
	broken       bool
}

func (a *ascending) observe(t time.Time) {
	switch {
	case t.IsZero() || t.Before(a.last):
		a.broken = true
	case t.After(a.last):
		a.before, a.last = a.last, t
	}
}

// identity tells records apart; one without an id by what it holds.
func identity(it *dossier.Item) dossier.Hash {
	if it.ID != "" {
		return dossier.IdentityHash(it.Type, it.ID)
	}
	return dossier.IdentityHash(it.Type, string(it.Raw))
}
