package store

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// SliceJob is a job for one slice of a run. It carries the run's id and nothing else, so that
// no job can hold personal data.
type SliceJob struct {
	Run int64 `json:"run"`
}

// Kind implements river.JobArgs.
func (SliceJob) Kind() string { return "slice" }

// jobQueue inserts jobs in the transactions of store, with a River client that works none of
// them. The client that works jobs lives in package sync.
type jobQueue struct {
	river *river.Client[pgx.Tx]
}

func newJobQueue(pool *pgxpool.Pool) (*jobQueue, error) {
	c, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("set up the job queue: %w", err)
	}
	return &jobQueue{river: c}, nil
}

func (q *jobQueue) insert(ctx context.Context, tx pgx.Tx, run int64) error {
	if _, err := q.river.InsertTx(ctx, tx, SliceJob{Run: run}, nil); err != nil {
		return fmt.Errorf("queue a slice of run %d: %w", run, err)
	}
	return nil
}
