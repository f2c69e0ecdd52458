package sync

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/sync/semaphore"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// What is read ahead of what is applied is bounded (I12): in pages, and in bytes of
// answers, beyond which one page more may be under way.
const (
	pagesAhead = 4
	bytesAhead = 8 << 20
	// batchItems is about how many items are applied at once, where so many have
	// come.
	batchItems = 2000
)

// arrival is what a page has brought.
type arrival struct {
	items   []dossier.Item
	total   int   // what the source says there is
	weight  int64 // of bytesAhead
	last    bool  // of the pass
	drained *store.Drained
}

// pass reads the window's pages once. While some are applied, the next are
// fetched. It returns how the window ended, or nil if another pass is needed.
// Where a page fails, those before it are applied all the same.
func (w *window) pass(ctx context.Context) (*store.Drained, error) {
	w.next = make(map[string]struct{})
	w.total, w.came = -1, 0
	w.passes++
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
	err := w.applyAll(ctx, ahead, arrivals)
	stop()
	for range arrivals { // until the fetcher has ended
	}
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	return drained, nil
}

// recovered turns a panic into an error: a fault of this program must not end the
// process, and with it the work for other tenants. What was said is not passed
// on, as it may hold what people wrote; where it happened is.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the program failed (%T) at %s", p, debug.Stack())
	}
}

// fetch sends what the window's pages bring, until there are none or the window is
// large enough. It returns how the window ends.
func (w *window) fetch(ctx context.Context, ahead *semaphore.Weighted, arrivals chan<- arrival) (*store.Drained, error) {
	q := source.Query{Type: w.typ, Client: w.client, From: w.from, To: w.to, Envelope: w.census}
	if w.to.Equal(endOfTime) {
		q.To = time.Time{}
	}
	order := ascending{}
	for i := range maxPages {
		page, err := w.search(ctx, q)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			w.total, w.unfiltered, w.offset = page.Total, page.Unfiltered, page.Offset
		}
		if err := w.unloop(&page); err != nil {
			return nil, err
		}
		for i := range page.Items {
			w.see(&page.Items[i])
			order.observe(page.Items[i].Updated)
		}
		a := arrival{items: page.Items, total: page.Total, weight: min(page.Size, bytesAhead)}
		if err := w.end(ctx, &a, page, order); err != nil {
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
	return nil, &source.Failure{Kind: source.Invalid, Act: "search " + w.typ.Name, Err: errors.New("the source's pages do not end")}
}

// unloop drops a link to the next page that was followed already: it leads in a
// circle. What is missing shows in the count.
func (w *window) unloop(page *source.Page) error {
	if _, looped := w.next[page.Next]; looped && page.Next != "" {
		if w.total < 0 {
			return &source.Failure{Kind: source.Invalid, Act: "search " + w.typ.Name, Err: errors.New("the source's pages lead in a circle")}
		}
		page.Next = ""
	}
	w.next[page.Next] = struct{}{}
	return nil
}

// end notes whether the pass ends with the page, and the window with the pass.
func (w *window) end(ctx context.Context, a *arrival, page source.Page, order ascending) (err error) {
	if page.Next == "" {
		a.last, a.drained = true, w.drained()
		return nil
	}
	if cut := w.cut(order); !cut.IsZero() {
		a.last = true
		a.drained, err = w.endAt(ctx, cut)
	}
	return err
}

// applyAll applies what comes: together what has come while the last was applied.
// The last transaction moves the cursor, if the window is drained with it.
func (w *window) applyAll(ctx context.Context, ahead *semaphore.Weighted, arrivals <-chan arrival) (err error) {
	defer recovered(&err)
	var held []dossier.Item
	var weight int64
	begun := false
	for a := range arrivals {
		if !begun {
			if err := w.begin(ctx, a.total); err != nil {
				return err
			}
			begun = true
		}
		held, weight = append(held, a.items...), weight+a.weight
		if !a.last && len(arrivals) > 0 && len(held) < batchItems {
			continue
		}
		if err := w.keep(ctx, held, a.drained); err != nil {
			return err
		}
		ahead.Release(weight)
		held, weight = nil, 0
	}
	return nil
}

// begin notes how much is to come, before the first page is applied.
func (w *window) begin(ctx context.Context, total int) error {
	st := w.syncer.store
	if w.census {
		return nil
	}
	if w.client == "" && !w.dry() {
		if err := st.BeginCursor(ctx, w.claim, w.t.TypeID); err != nil {
			return err
		}
	}
	if w.whole || w.t.Upto != nil || total < 0 || w.t.Expected != nil {
		return nil
	}
	expected := int64(total)
	w.t.Expected = &expected
	return st.NoteExpected(ctx, w.claim, w.t.TypeID, expected)
}

// keep applies what came, or adds it to the census.
func (w *window) keep(ctx context.Context, items []dossier.Item, drained *store.Drained) error {
	if w.whole {
		drained = nil // it moves no cursor
	}
	if w.census {
		return w.list(ctx, w.t.TypeID, items, drained)
	}
	return w.apply(ctx, w.t.TypeID, items, drained)
}
