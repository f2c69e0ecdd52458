package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/errgroup"

	"dossiersync/store"
)

// lostEvery is how often a worker looks for runs whose lease has expired. Together with the length
// of a lease, a dead worker is replaced within a minute and a half.
const lostEvery = 15 * time.Second

// Run serves the schedule and the jobs until ctx ends. It then stops at the next page and leaves
// unfinished runs to other workers. This file is the only one that uses River.
func (s *Syncer) Run(ctx context.Context) error {
	for _, t := range s.tenants {
		if err := s.putTenant(ctx, t); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // stopped while it started
			}
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.work(ctx) })
	g.Go(func() error { return s.schedule(ctx) })
	g.Go(func() error { return s.findLostRuns(ctx) })
	return g.Wait()
}

func (s *Syncer) work(ctx context.Context) error {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &sliceWorker{syncer: s}); err != nil {
		return fmt.Errorf("set up the jobs: %w", err)
	}
	indexes := river.ReindexerIndexNamesDefault()
	if owns, err := s.store.OwnsJobs(ctx); err != nil {
		return err
	} else if !owns {
		indexes = []string{} // only the owner of a table can rebuild its indexes
	}
	client, err := river.NewClient(riverpgxv5.New(s.store.RiverPool()), &river.Config{
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: s.opts.Slots}},
		Workers: workers,
		// A slice ends by itself, and a dead worker is known by its lease, not by its job's age.
		JobTimeout:          -1,
		ReindexerIndexNames: indexes,
		// Every log-in of the database may send notifications, the portal API's too, and River would
		// obey one that pauses its queue or cancels a job.
		PollOnly: true,
		Logger:   slog.New(zapslog.NewHandler(warnings(s.log).Core())),
	})
	if err != nil {
		return fmt.Errorf("set up the jobs: %w", err)
	}
	// The client's context must not end with ctx, because the jobs could then not give their runs
	// back.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the jobs: %w", err)
	}
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := client.StopAndCancel(stop); err != nil {
		return fmt.Errorf("stop the jobs: %w", err)
	}
	return nil
}

// warnings returns the logger for River, which passes on warnings and errors only.
func warnings(l *zap.Logger) *zap.Logger {
	return l.Named("river").WithOptions(zap.IncreaseLevel(zapcore.WarnLevel))
}

// findLostRuns queues runs again whose lease has expired, or whose process is known to be dead,
// until ctx ends.
func (s *Syncer) findLostRuns(ctx context.Context) error {
	tick := time.NewTicker(lostEvery)
	defer tick.Stop()
	for {
		_, _, err := s.holder(ctx, "")
		n := 0
		if err == nil {
			n, err = s.store.QueueLostRuns(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.log.Error("look for lost runs", zap.Error(err))
		case n > 0:
			s.log.Info("runs without a worker are queued again", zap.Int("runs", n))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

type sliceWorker struct {
	river.WorkerDefaults[store.SliceJob]
	syncer *Syncer
}

// Work implements river.Worker.
func (w *sliceWorker) Work(ctx context.Context, job *river.Job[store.SliceJob]) error {
	claim, err := w.syncer.store.ClaimRun(ctx, job.Args.Run, w.syncer.opts.Worker)
	switch {
	case errors.Is(err, store.ErrRunDone) || errors.Is(err, store.ErrNotFound):
		return nil
	case errors.Is(err, store.ErrBusy):
		return river.JobSnooze(5 * time.Second)
	case err != nil:
		return err
	}
	next, err := w.syncer.workOn(ctx, claim, background)
	switch {
	case errors.Is(err, store.ErrFenced):
		return nil // another worker has taken the run over, with a job of its own
	case err != nil:
		return err
	case next.again:
		return river.JobSnooze(next.pause)
	}
	return nil
}

var _ river.Worker[store.SliceJob] = (*sliceWorker)(nil)
