package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// follower shows the progress of a run: a bar on a terminal, a line every few seconds
// elsewhere, nothing with --json.
type follower struct {
	out    io.Writer
	st     *store.Store
	tenant *operate.Tenant
	told   string // why the run waits
	quiet  bool
	tty    bool
	done   chan struct{}
	ended  sync.WaitGroup
	once   sync.Once
}

func newFollower(a *session, st *store.Store, tenant *operate.Tenant) *follower {
	return &follower{
		out: a.err, st: st, tenant: tenant, quiet: a.cli.JSON, tty: isTerminal(a.err), done: make(chan struct{}),
	}
}

// start follows the run until stop or its end.
func (f *follower) start(ctx context.Context, run int64) {
	if f.quiet {
		return
	}
	f.ended.Go(func() { f.follow(ctx, run) })
}

// stop waits until nothing more is shown.
func (f *follower) stop() {
	f.once.Do(func() { close(f.done) })
	f.ended.Wait()
}

func (f *follower) follow(ctx context.Context, run int64) {
	every := 5 * time.Second
	show := f.line
	if f.tty {
		bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(f.out), progressbar.OptionShowCount(),
			progressbar.OptionSetWidth(30), progressbar.OptionShowIts(), progressbar.OptionSetItsString("items"),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
		defer bar.Finish() //nolint:errcheck // the bar is for show
		show = func(p progress) { f.bar(bar, p) }
		every = 250 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-f.done:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		types, err := f.st.RunTypes(ctx, run)
		if err != nil {
			continue // the run itself reports it
		}
		f.tellWait(ctx, run)
		show(sumProgress(types))
	}
}

// tellWait prints why the run cannot read its source now, once.
func (f *follower) tellWait(ctx context.Context, id int64) {
	words, err := operate.WaitWords(ctx, f.st, f.tenant, &store.Run{ID: id, Tenant: f.tenant.ID, State: store.RunRunning})
	if err == nil && words != "" && words != f.told {
		fmt.Fprintf(f.out, "%s: run %d waits: %s\n", f.tenant.ID, id, words)
	}
	f.told = words
}

// progress is how far a run is.
type progress struct {
	stream         dossier.Stream
	seen, expected int64
}

func sumProgress(types []store.RunType) progress {
	var p progress
	for _, t := range types {
		seen := t.Effects.Seen()
		p.seen += seen
		if t.Expected != nil {
			p.expected += max(*t.Expected, seen)
		} else {
			p.expected += seen
		}
		if !t.Done && p.stream == "" {
			p.stream = t.Stream
		}
	}
	return p
}

func (f *follower) bar(bar *progressbar.ProgressBar, p progress) {
	bar.Describe(fmt.Sprintf("%s: %s", f.tenant.ID, p.stream))
	bar.ChangeMax64(max(p.expected, 1))
	_ = bar.Set64(p.seen) // the bar is for show
}

func (f *follower) line(p progress) {
	fmt.Fprintf(f.out, "%s: %d of %d items, now %s\n", f.tenant.ID, p.seen, p.expected, p.stream)
}
