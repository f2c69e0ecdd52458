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

// lostEvery is how often runs whose worker has vanished are looked for. With the
// lease, a dead worker is replaced within a minute and a half.
const lostEvery = 15 * time.Second

// Run works: it serves the schedule and the jobs until ctx ends, then stops at
// the next page and leaves the rest to others. This file is the only one that
// knows River.
func (s *Syncer) Run(ctx context.Context) error {
	for _, t := range s.tenants {
		if err := s.store.PutTenant(ctx, t.ID, t.Name, t.Location.String()); err != nil {
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
	client, err := river.NewClient(riverpgxv5.New(s.store.RiverPool()), &river.Config{
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: s.opts.Slots}},
		Workers: workers,
		// A slice ends by itself; leases, not ages, tell a dead worker.
		JobTimeout: -1,
		Logger:     slog.New(zapslog.NewHandler(warnings(s.log).Core())),
	})
	if err != nil {
		return fmt.Errorf("set up the jobs: %w", err)
	}
	// The client gets a context of its own: ending it would stop the jobs
	// without letting them give their runs back.
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

// warnings keeps River's own chatter out of the log.
func warnings(l *zap.Logger) *zap.Logger {
	return l.Named("river").WithOptions(zap.IncreaseLevel(zapcore.WarnLevel))
}

func (s *Syncer) findLostRuns(ctx context.Context) error {
	tick := time.NewTicker(lostEvery)
	defer tick.Stop()
	for {
		n, err := s.store.QueueLostRuns(ctx)
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
	more, err := w.syncer.slice(ctx, claim, background)
	switch {
	case errors.Is(err, store.ErrFenced):
		return nil // somebody else has it, with a job of its own
	case err != nil:
		return err
	case more.again:
		return river.JobSnooze(more.pause)
	}
	return nil
}

var _ river.Worker[store.SliceJob] = (*sliceWorker)(nil)
