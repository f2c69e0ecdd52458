package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/sync/fhir"
	"dossiersync/sync/source"
)

// An observer adds up where the time of a worker goes: waiting for the source, decoding,
// and each kind of statement. The time between statements of a transaction counts as
// rendering.
type observer struct {
	requests, bytes, statements     atomic.Int64
	source, decode                  atomic.Int64 // nanoseconds
	read, render, copied, note, end atomic.Int64

	mu   sync.Mutex
	open map[*pgx.Conn]*transaction
}

// A transaction is an open one, with the time at which its last statement ended.
type transaction struct{ idle time.Time }

func newObserver() *observer { return &observer{open: make(map[*pgx.Conn]*transaction)} }

// phases returns the sums. source and decode run beside the others.
func (o *observer) phases() []phase {
	list := []phase{}
	for _, p := range []struct {
		name string
		took *atomic.Int64
	}{{"source", &o.source}, {"decode", &o.decode}, {"apply: read", &o.read}, {"render", &o.render},
		{"copy", &o.copied}, {"notes", &o.note}, {"commit", &o.end}} {
		list = append(list, phase{p.name, time.Duration(p.took.Load())})
	}
	return list
}

// observed is a source whose searches are timed.
type observed struct {
	*fhir.Source
	o *observer
}

// Search implements [source.Source].
func (s *observed) Search(ctx context.Context, q source.Query) (source.Page, error) {
	began, waited := time.Now(), s.o.source.Load()
	page, err := s.Source.Search(ctx, q)
	s.o.decode.Add(int64(time.Since(began)) - (s.o.source.Load() - waited))
	return page, err
}

// transport counts requests, and times them until the last byte of the response.
type transport struct {
	http.RoundTripper
	o *observer
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := t.RoundTripper.RoundTrip(r)
	t.o.source.Add(int64(time.Since(began)))
	t.o.requests.Add(1)
	if err == nil {
		resp.Body = &timedBody{resp.Body, t.o}
	}
	return resp, err
}

type timedBody struct {
	io.ReadCloser
	o *observer
}

// Read implements [io.Reader].
func (b *timedBody) Read(p []byte) (int, error) {
	began := time.Now()
	n, err := b.ReadCloser.Read(p)
	b.o.source.Add(int64(time.Since(began)))
	b.o.bytes.Add(int64(n))
	return n, err
}

type stampKey struct{}

// stamp passes from the start of a statement's trace to its end.
type stamp struct {
	began time.Time
	kind  *atomic.Int64
	opens bool
}

func (o *observer) begin(ctx context.Context, conn *pgx.Conn, sql string) context.Context {
	now := time.Now()
	s := &stamp{began: now, kind: &o.note}
	switch word, _, _ := strings.Cut(strings.TrimSpace(sql), " "); strings.ToLower(word) {
	case "begin":
		s.kind, s.opens = &o.end, true
	case "commit", "rollback":
		s.kind = &o.end
	case "select":
		s.kind = &o.read
	case "copy":
		s.kind = &o.copied
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if t := o.open[conn]; t != nil {
		o.render.Add(int64(now.Sub(t.idle)))
	}
	return context.WithValue(ctx, stampKey{}, s)
}

func (o *observer) done(ctx context.Context, conn *pgx.Conn) {
	s, ok := ctx.Value(stampKey{}).(*stamp)
	if !ok {
		return
	}
	now := time.Now()
	s.kind.Add(int64(now.Sub(s.began)))
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case s.opens:
		o.open[conn] = &transaction{now}
	case conn.PgConn().TxStatus() == 'I':
		delete(o.open, conn)
	case o.open[conn] != nil:
		o.open[conn].idle = now
	}
}

// TraceQueryStart implements [pgx.QueryTracer].
func (o *observer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	o.statements.Add(1)
	return o.begin(ctx, conn, data.SQL)
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (o *observer) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, _ pgx.TraceQueryEndData) {
	o.done(ctx, conn)
}

// TraceBatchStart implements [pgx.BatchTracer]. A batch that reads anything counts
// as reading, although it begins by renewing the claim.
func (o *observer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	all := data.Batch.QueuedQueries
	o.statements.Add(int64(len(all)))
	kind := "note"
	for _, q := range all {
		if strings.HasPrefix(strings.TrimSpace(q.SQL), "SELECT") {
			kind = "select"
		}
	}
	return o.begin(ctx, conn, kind)
}

// TraceBatchQuery implements [pgx.BatchTracer].
func (o *observer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements [pgx.BatchTracer].
func (o *observer) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, _ pgx.TraceBatchEndData) {
	o.done(ctx, conn)
}

// TraceCopyFromStart implements [pgx.CopyFromTracer].
func (o *observer) TraceCopyFromStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	o.statements.Add(1)
	return o.begin(ctx, conn, "copy ")
}

// TraceCopyFromEnd implements [pgx.CopyFromTracer].
func (o *observer) TraceCopyFromEnd(ctx context.Context, conn *pgx.Conn, _ pgx.TraceCopyFromEndData) {
	o.done(ctx, conn)
}
