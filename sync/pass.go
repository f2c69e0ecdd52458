package sync

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// Pages are fetched ahead of the page that is being applied, up to a number of pages and of bytes
// (I12). One more page may be under way when the bytes are reached.
const (
	pagesAhead = 4
	bytesAhead = 8 << 20
	// batchItems is about how many items are applied at once, if so many have come.
	batchItems = 2000
	// listedItems is how many envelopes are added to a census at once, if so many are still to come.
	listedItems = 5000
)

// pass is one reading of a window's pages, from the first on.
type pass struct {
	number     int                 // from 1
	total      int                 // how many records the source says there are; -1: it does not say
	unfiltered bool                // the source answers with all records, whatever the interval
	offset     bool                // links count records from the start, and may skip some when others move
	came       int                 // distinct records of this pass
	links      map[string]struct{} // followed
	order      ascending           // of the records that came
}

// arrival is what a page has brought.
type arrival struct {
	items   []dossier.Item // that come for the first time
	again   []dossier.Item // that the window, or the one before, may have brought already
	total   int            // how many records the source says there are
	weight  int64          // of bytesAhead
	last    bool           // the pass ends with this page
	drained *store.Drained // and the window with the pass, if not nil
}

// readPass reads the window's pages once: while some are applied, the next are fetched. It returns
// how the window ended, or nil if another pass is needed. If a page fails, those before it are
// applied all the same.
func (w *window) readPass(ctx context.Context) (*store.Drained, error) {
	w.pass = pass{number: w.pass.number + 1, total: -1, links: make(map[string]struct{})}
	arrivals := make(chan arrival, pagesAhead)
	ahead := semaphore.NewWeighted(bytesAhead)
	fetching, stop := context.WithCancel(ctx)
	defer stop()
	var drained *store.Drained
	var failed error
	go func() {
		defer close(arrivals)
		defer recovered(&failed)
		drained, failed = w.fetch(fetching, ahead, arrivals)
	}()
	err := w.keepAll(ctx, ahead, arrivals)
	stop()
	for range arrivals { // until the fetching goroutine has ended
	}
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	return drained, nil
}

// recovered turns a panic into an error, because a fault in one tenant's work must not end the
// process. It reports the stack but not the panic's value, which may hold dossier text.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the program failed (%T) at %s", p, debug.Stack())
	}
}

// fetch sends what the window's pages bring, until there are no more or the window is large
// enough. It returns how the window ends, or nil if another pass is needed.
func (w *window) fetch(
	ctx context.Context, ahead *semaphore.Weighted, arrivals chan<- arrival,
) (*store.Drained, error) {
	q := source.Query{Type: w.typ, Client: w.client, From: w.from, To: w.to, Envelope: w.kind.isCensus()}
	if w.to.Equal(endOfTime) {
		q.To = time.Time{}
	}
	for i := range maxPages {
		page, err := w.search(ctx, q)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			w.pass.total, w.pass.unfiltered, w.pass.offset = page.Total, page.Unfiltered, page.Offset
		}
		if err := w.cutCircle(&page); err != nil {
			return nil, err
		}
		a := arrival{items: page.Items[:0], total: page.Total, weight: min(page.Size, bytesAhead/2)}
		for i := range page.Items {
			if it := &page.Items[i]; w.see(it) {
				a.items = append(a.items, *it) // in place
			} else {
				a.again = append(a.again, *it)
			}
		}
		if a.last, a.drained, err = w.endsWith(ctx, page); err != nil {
			return nil, err
		}
		if ahead.Acquire(ctx, a.weight) != nil {
			return nil, context.Cause(ctx)
		}
		select {
		case arrivals <- a:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if a.last {
			return a.drained, nil
		}
		q.Next = page.Next
	}
	return nil, w.invalid("the source's pages do not end")
}

// cutCircle drops a link to a page that this pass has read already. Records that are missing then
// show in the source's count; without a count the pass fails.
func (w *window) cutCircle(page *source.Page) error {
	if _, followed := w.pass.links[page.Next]; followed && page.Next != "" {
		if w.pass.total < 0 {
			return w.invalid("the source's pages lead in a circle")
		}
		page.Next = ""
	}
	w.pass.links[page.Next] = struct{}{}
	return nil
}

func (w *window) invalid(what string) error {
	return &source.Failure{Kind: source.Invalid, Act: "search " + w.typ.Name, Err: errors.New(what)}
}

// endsWith reports whether the pass ends with the page, and how the window ends with the pass; nil:
// it needs another pass.
func (w *window) endsWith(ctx context.Context, page source.Page) (last bool, drained *store.Drained, err error) {
	if page.Next == "" {
		drained, err = w.drained(ctx)
		return true, w.counted(drained), err
	}
	cut := w.cut()
	if cut.IsZero() {
		return false, nil, nil
	}
	drained, err = w.endAt(ctx, cut)
	return true, w.counted(drained), err
}

// counted adds to the end of a census's window how many records the window has listed.
func (w *window) counted(d *store.Drained) *store.Drained {
	if d == nil || w.kind != censusWindow {
		return d
	}
	for _, seen := range w.seen { // a record of the moment at which the window begins was in the one before
		if w.pass.unfiltered || !seen.updated.After(d.Upto) && (w.from.IsZero() || seen.updated.After(w.from)) {
			d.IDs++
		}
	}
	return d
}

// keepAll keeps what comes. Pages that came while one batch was applied form the next batch. The
// last batch's transaction moves the cursor, if the window is drained with it.
func (w *window) keepAll(ctx context.Context, ahead *semaphore.Weighted, arrivals <-chan arrival) (err error) {
	defer recovered(&err)
	var batch, again []dossier.Item
	var weight int64
	begun := false
	for a := range arrivals {
		if !begun && w.isEmpty(a) {
			w.endEmpty(a)
			ahead.Release(a.weight)
			continue
		}
		if !begun {
			if err := w.begin(ctx, a.total); err != nil {
				return err
			}
			begun = true
		}
		if batch == nil {
			batch = a.items
		} else {
			batch = append(batch, a.items...)
		}
		again, weight = append(again, a.again...), weight+a.weight
		n := len(batch) + len(again)
		waits := len(arrivals) > 0 && n < batchItems
		if w.kind.isCensus() { // another page always fits beside half of the bytes
			waits = n < listedItems && weight <= bytesAhead/2
		}
		if !a.last && waits {
			continue
		}
		if err := w.keep(ctx, batch, again, a.drained); err != nil {
			return err
		}
		ahead.Release(weight)
		batch, again, weight = nil, nil, 0
	}
	return nil
}

// isEmpty reports whether the window is one of a run that has brought nothing, and is drained.
func (w *window) isEmpty(a arrival) bool {
	return a.drained != nil && len(a.items)+len(a.again) == 0 && w.kind == runWindow && !w.dry()
}

// endEmpty ends a run's window that brought nothing.
func (w *window) endEmpty(a arrival) {
	e := store.EmptyWindow{TypeID: w.t.TypeID, Drained: *a.drained}
	if w.t.Upto == nil && a.total >= 0 && w.t.Expected == nil {
		expected := int64(a.total)
		w.t.Expected, e.Expected = &expected, &expected
	}
	w.slice.endEmpty(e)
}

// begin prepares a run's window before its first page is applied: the type gets a cursor, and how
// many records are to come is noted for those who watch the run.
func (w *window) begin(ctx context.Context, total int) error {
	if w.kind != runWindow {
		return nil
	}
	st := w.syncer.store
	if w.client == "" && !w.dry() {
		if err := st.BeginCursor(ctx, w.claim, w.t.TypeID); err != nil {
			return err
		}
	}
	if w.t.Upto != nil || total < 0 || w.t.Expected != nil {
		return nil
	}
	expected := int64(total)
	w.t.Expected = &expected
	return st.NoteExpected(ctx, w.claim, w.t.TypeID, expected)
}

// keep applies the items, or adds them to the census. The items of again may have come before.
func (w *window) keep(ctx context.Context, items, again []dossier.Item, drained *store.Drained) error {
	if w.kind.isHistory() {
		drained = nil // it moves no cursor
	}
	if w.kind.isCensus() {
		return w.list(ctx, w.t.TypeID, append(items, again...), drained)
	}
	if len(items) == 0 || !w.isFirstRead() {
		return w.apply(ctx, w.t.TypeID, append(items, again...), drained)
	}
	if err := w.apply(ctx, w.t.TypeID, again, nil); err != nil {
		return err
	}
	applied, err := w.applyBatch(ctx, store.Batch{Type: w.t.TypeID, Items: items, Drained: drained, New: true})
	if applied.NotNew {
		w.notNew[w.t.TypeID] = true
	}
	return err
}

// isFirstRead reports whether nothing may be stored of the window's type: it is read from the
// beginning, by one search, and no batch of this slice has shown that something is stored.
func (w *window) isFirstRead() bool {
	t := w.t
	return w.kind == runWindow && w.client == "" && t.From == nil && !w.notNew[t.TypeID] &&
		!slices.ContainsFunc(w.types, func(o store.RunType) bool {
			return o.TypeID != t.TypeID && o.Stream == t.Stream && o.Type == t.Type
		})
}
