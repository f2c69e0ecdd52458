package sync

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

const (
	// firstWidth is the interval that is tried after a longer one failed, and leastWidth the
	// shortest that is tried. In between each is a quarter of the one before.
	firstWidth = 360 * 24 * time.Hour
	leastWidth = 24 * time.Hour
	// recently is an interval that any source that works can be searched for.
	recently = time.Hour
)

// firstRecords is where a window without a beginning begins, if the source can only be searched
// for shorter intervals. No server that speaks FHIR is as old.
var firstRecords = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// fails reports whether err may be the fault of an interval that is too long for the source: an
// answer with status 5xx.
func fails(err error) bool {
	f, ok := errors.AsType[*source.Failure](err)
	return ok && f.Kind == source.Unreachable && f.Status >= 500
}

// nextWidth returns the interval to try after the one from from to to has failed; 0: there is no
// shorter one.
func nextWidth(from, to time.Time) time.Duration {
	if from.IsZero() {
		from = firstRecords
	}
	width := to.Sub(from)
	if width > firstWidth {
		return firstWidth
	}
	if width /= 4; width >= leastWidth {
		return width
	}
	return 0
}

// answersRecent reports whether the source answers a search for recent records, so that a failure
// may be due to the length of an interval. Describe comes first, because an answer to it also keeps
// the failures so far from opening the source's circuit.
func answersRecent(ctx context.Context, src source.Source, q source.Query, now time.Time) bool {
	if _, err := src.Describe(ctx); err != nil {
		return false
	}
	_, err := src.Search(ctx, source.Query{Type: q.Type, Client: q.Client, From: now.Add(-recently), Envelope: true})
	return err == nil
}

// clock returns the time by the source's clock, or by ours if it has not told its own.
func clock(d source.Description) time.Time {
	if !d.Now.IsZero() {
		return d.Now
	}
	return time.Now()
}

// limit ends the window where the source is known to fail on a longer one.
func (w *window) limit() {
	w.from, w.to = limited(w.habits().width(w.searched()), w.from, w.end, clock(w.description))
}

// limited returns the first part of the interval from from to end that is no longer than width.
func limited(width time.Duration, from, end, now time.Time) (time.Time, time.Time) {
	if width == 0 {
		return from, end
	}
	if from.IsZero() {
		from = firstRecords
	}
	if to := from.Add(width); to.Before(end) && to.Before(now) {
		return from, to
	}
	return from, end
}

// narrow shortens a window on which the source failed, and reports whether it has.
func (w *window) narrow(ctx context.Context, failed error) bool {
	if !fails(failed) || w.pass.unfiltered {
		return false
	}
	to := w.to
	if now := clock(w.description); to.After(now) {
		to = now
	}
	width := nextWidth(w.from, to)
	if width == 0 {
		w.habits().forget(w.searched())
		return false
	}
	w.countRequest()
	if !answersRecent(ctx, w.tenant.Source, source.Query{Type: w.typ, Client: w.client}, clock(w.description)) {
		return false
	}
	w.log.Info("the source fails on a long interval; the window is shortened",
		zap.String("type", w.t.Type), zap.Duration("to", width))
	w.habits().narrow(w.searched(), width)
	w.restart()
	return true
}

func (w *window) searched() searched { return searched{w.t.TypeID, w.client != ""} }

// restart begins the window anew, with the interval that the source answers.
func (w *window) restart() {
	w.seen, w.barren, w.pass = make(map[dossier.Hash]sighting), 0, pass{}
	w.uncut = w.kind.isHistory()
	w.limit()
}

func (w *window) habits() *habits { return w.syncer.habits[w.tenant.ID] }
