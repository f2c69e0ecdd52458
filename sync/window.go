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
	// barrenPasses is how many passes over a window may bring nothing new before the window ends
	// short of the source's count.
	barrenPasses = 2
	// windowRestarts is how often a window begins anew after a link to the next page has expired.
	windowRestarts = 3
	// maxPages bounds one pass, whatever the source sends (I12).
	maxPages = 100_000
)

// endOfTime is the end of a window that has none.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// windowKind is what a window is read for.
type windowKind int

const (
	// runWindow applies records of a type from where the run is. Its end moves the cursor of the
	// type, unless the run is for one client. It may end early: see [window.cut].
	runWindow windowKind = iota
	// historyWindow applies one client's records. It is read to its end and moves no cursor.
	historyWindow
	// censusWindow lists records of a type for a reconcile and applies nothing. Its end moves the
	// census on. It may end early.
	censusWindow
	// clientCensusWindow lists one client's records for a reconcile. It is read to its end, and
	// its end does not move the census on.
	clientCensusWindow
)

// isHistory reports whether the window holds all of one client's records.
func (k windowKind) isHistory() bool { return k == historyWindow || k == clientCensusWindow }

// isCensus reports whether the window lists records and applies none.
func (k windowKind) isCensus() bool { return k == censusWindow || k == clientCensusWindow }

// window reads one closed interval of source time until everything in it has come.
type window struct {
	*slice
	kind     windowKind
	t        *store.RunType
	typ      source.Type
	client   string    // only this client's records; empty: all
	from, to time.Time // zero from: the beginning
	end      time.Time // where it is to end; after to while the source can only be searched in parts
	uncut    bool      // it is read up to to, however many records come
	before   time.Time // of the youngest record that earlier windows of this slice have brought

	seen   map[dossier.Hash]sighting // what all passes have brought
	barren int                       // passes that brought nothing new
	pass   pass                      // the latest
}

// sighting is a record as a window has last seen it.
type sighting struct {
	updated time.Time
	pass    int
}

// newRunWindow returns the window of t that follows the last drained one.
func (s *slice) newRunWindow(t *store.RunType) (*window, error) {
	return s.newWindow(runWindow, t, s.claim.Run.Scope.Client, nextFrom(t))
}

// newHistory returns the window of one client's records since from; zero: all.
func (s *slice) newHistory(t *store.RunType, client string, from time.Time) (*window, error) {
	return s.newWindow(historyWindow, t, client, from)
}

// newCensus returns the window of a census of t that follows the last drained one.
func (s *slice) newCensus(t *store.RunType) (*window, error) {
	return s.newWindow(censusWindow, t, "", nextFrom(t))
}

// newClientCensus returns the window of a census of one client's records.
func (s *slice) newClientCensus(t *store.RunType, client string) (*window, error) {
	return s.newWindow(clientCensusWindow, t, client, time.Time{})
}

func (s *slice) newWindow(
	k windowKind, t *store.RunType, client string, from time.Time,
) (*window, error) {
	typ, ok := s.sourceType(t.TypeID)
	if !ok {
		return nil, &source.Failure{Kind: source.Unsupported, Act: "read " + t.Type,
			Err: errors.New("no longer configured")}
	}
	w := &window{slice: s, kind: k, t: t, typ: typ, client: client, from: from, end: t.To, before: s.youngest[t.TypeID]}
	w.restart()
	return w, nil
}

// nextFrom returns where the type's next window begins; zero: at the beginning.
func nextFrom(t *store.RunType) time.Time {
	switch {
	case t.Upto != nil:
		return *t.Upto
	case t.From != nil:
		return *t.From
	}
	return time.Time{}
}

// advance reads the window, and notes in its type how far that has come.
func (w *window) advance(ctx context.Context) error {
	drained, err := w.drain(ctx)
	if err != nil {
		return err
	}
	t := w.t
	if w.kind == runWindow && !w.pass.order.broken {
		w.youngest[t.TypeID] = w.pass.order.last
	}
	t.Upto, t.Done, t.Short = &drained.Upto, drained.Last, t.Short || drained.Short
	return nil
}

// readWhole reads the window, and fails if fewer records came than the source had counted.
func (w *window) readWhole(ctx context.Context) error {
	drained, err := w.drain(ctx)
	if err == nil && drained.Short {
		err = w.invalid("fewer records came than the source had counted")
	}
	return err
}

// drain reads the window until it is drained: anew if the source's pages expire meanwhile, and in
// parts if the source fails on the whole. All parts are read of one that holds a client's records;
// any other ends with the first, and the next window goes on from there.
func (w *window) drain(ctx context.Context) (*store.Drained, error) {
	began, short := time.Now(), false
	for restarts := 0; ; {
		drained, err := w.passUntilDrained(ctx)
		switch {
		case err == nil && w.kind.isHistory() && w.to.Before(w.end):
			short = short || drained.Short
			w.from = w.to
			w.restart()
		case err == nil:
			took := w.syncer.metrics.windows.WithLabelValues(w.tenant.ID, string(w.t.Stream))
			took.Observe(time.Since(began).Seconds())
			drained.Short = drained.Short || short
			return drained, nil
		case source.KindOf(err) == source.Expired && restarts < windowRestarts:
			restarts++
			w.log.Info("the source's pages have expired; the window begins anew", zap.String("type", w.t.Type))
		case !w.narrow(ctx, err):
			return nil, err
		}
	}
}

func (w *window) passUntilDrained(ctx context.Context) (*store.Drained, error) {
	for {
		before := len(w.seen)
		drained, err := w.readPass(ctx)
		if err != nil || drained != nil {
			return drained, err
		}
		if len(w.seen) == before {
			w.barren++
		}
	}
}

// see notes that the pass has brought the record. It reports whether the window is the first to
// bring it: a window that is cut has also brought records that are younger than its end.
func (w *window) see(it *dossier.Item) (first bool) {
	id := identity(it)
	before, again := w.seen[id]
	if before.pass != w.pass.number {
		w.pass.came++
	}
	w.seen[id] = sighting{it.Updated, w.pass.number}
	w.pass.order.observe(it.Updated)
	return !again && (w.from.IsZero() || !w.before.IsZero() && it.Updated.After(w.before))
}

// drained decides, at the end of a pass, whether the window is drained: all passes together have
// brought as many records as the source counts, or barrenPasses passes have brought nothing new.
// It returns nil if another pass is needed.
func (w *window) drained(ctx context.Context) (d *store.Drained, err error) {
	d = &store.Drained{Upto: w.to, Last: w.to.Equal(w.t.To)}
	have, excess := w.have(w.to), w.habits().excess(w.t.TypeID)
	switch {
	case w.pass.total < 0 && w.pass.offset && w.barren == 0:
		return nil, nil // without a count, only another pass shows whether a record was skipped
	case w.pass.total <= have: // also if the source does not count
		return d, nil
	case w.pass.total <= w.pass.came: // the count is of newer records too, and those have come
		return d, nil
	case excess > 0 && (w.pass.total == have+excess || w.pass.total == w.pass.came+excess):
		return d, nil
	case w.barren < barrenPasses:
		return nil, nil
	}
	d.Short, err = w.isShort(ctx, have)
	return d, err
}

// isShort reports whether records are missing of a window that has ended with fewer than the
// total of its pages. It asks for a count, which may be right where a total is wrong, and for one
// of an interval in which there are no records: servers were seen that add something to each.
func (w *window) isShort(ctx context.Context, have int) (bool, error) {
	q := source.Query{Type: w.typ, Client: w.client, From: w.from, To: w.to, CountOnly: true}
	if w.to.Equal(endOfTime) {
		q.To = time.Time{}
	}
	counted, err := w.count(ctx, q)
	if err != nil || counted == have {
		return false, err
	}
	q.From, q.To = time.Time{}, beforeRecords
	excess, err := w.count(ctx, q)
	if err != nil || excess <= 0 || w.pass.total != have+excess && counted != have+excess {
		return true, err
	}
	w.log.Info("the source counts more records than it shows",
		zap.String("type", w.t.Type), zap.Int("more", excess))
	w.habits().overcounts(w.t.TypeID, excess)
	return false, nil
}

// beforeRecords is a time at which no record was stored anywhere.
var beforeRecords = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

// count asks how many records a query finds; -1: the source does not say.
func (w *window) count(ctx context.Context, q source.Query) (int, error) {
	page, err := w.search(ctx, q)
	if source.KindOf(err) == source.Unsupported {
		return -1, nil
	}
	return page.Total, err
}

// cut returns where a window that has grown to [Options.WindowItems] may end: at the last but one
// moment that the pages have reached, as more records of the last moment may follow. It returns
// zero if there is no such place.
func (w *window) cut() time.Time {
	if w.uncut || len(w.seen) < w.syncer.opts.WindowItems || w.pass.unfiltered || w.pass.order.broken {
		return time.Time{}
	}
	if !w.pass.order.before.After(w.from) {
		return time.Time{}
	}
	return w.pass.order.before
}

// endAt ends the window at the moment cut, if the source's count agrees that nothing before it is
// missing. If not, a record was skipped or the order is not what it seems; then the window is
// shortened to end at cut, and read again: endAt returns nil.
func (w *window) endAt(ctx context.Context, cut time.Time) (*store.Drained, error) {
	counted, err := w.count(ctx, source.Query{Type: w.typ, Client: w.client, From: w.from, To: cut, CountOnly: true})
	if err != nil {
		return nil, err
	}
	have := w.have(cut)
	// A count of everything from the window's beginning, although records after cut have come,
	// shows that the source ignores the end of an interval.
	ignoresEnd := counted == w.pass.total && len(w.seen) > have
	if counted <= have || ignoresEnd || counted == have+w.habits().excess(w.t.TypeID) {
		return &store.Drained{Upto: cut}, nil
	}
	w.to, w.uncut = cut, true
	return nil, nil
}

// have counts the records up to the moment to that all passes have brought.
func (w *window) have(to time.Time) int {
	n := 0
	for _, seen := range w.seen {
		if w.pass.unfiltered || !seen.updated.After(to) {
			n++
		}
	}
	return n
}

// ascending watches whether records come in ascending order of time.
type ascending struct {
	before, last time.Time // the last two different moments
	broken       bool      // a record came without a time, or out of order
}

func (a *ascending) observe(t time.Time) {
	switch {
	case t.IsZero() || t.Before(a.last):
		a.broken = true
	case t.After(a.last):
		a.before, a.last = a.last, t
	}
}

// identity distinguishes records: by type and id, or by content if a record has no id.
func identity(it *dossier.Item) dossier.Hash {
	if it.ID != "" {
		return dossier.IdentityHash(it.Type, it.ID)
	}
	return dossier.IdentityHash(it.Type, string(it.Raw))
}
